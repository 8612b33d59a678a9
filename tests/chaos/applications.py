"""The applications of a round: each a database and the processes that write to it."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

import ledger

HERE = pathlib.Path(__file__).resolve().parent
COMPANIONS = ("-wal", "-shm", "-journal")


class Application:
    def __init__(self, site, name, random):
        self.site = site
        self.name = name
        self.random = random
        self.path = site.folder / f"{name}.db"
        self.journals = []
        self.writers = []
        self.answers = []
        self.copies = []
        self.replaced = 0  # how often its history was given up for another
        self.settings = self.draw_settings()
        self.create()

    def draw_settings(self):
        draw = self.random
        return {
            "journal": draw.choices(("WAL", "DELETE", "TRUNCATE", "PERSIST"), (85, 6, 4, 5))[0],
            "page_size": draw.choice((512, 1024, 4096, 4096, 4096, 8192, 65536)),
            "auto_vacuum": draw.choices((0, 1, 2), (6, 2, 2))[0],
            "items": draw.choice((5, 50, 500, 2000)),
            "writers": draw.choices((1, 2, 3), (6, 3, 1))[0],
            "synchronous": draw.choice(("OFF", "NORMAL", "FULL")),
            "autocheckpoint": draw.choice((1, 10, 1000, 1000, 100_000)),
            "checkpoint": draw.choice((0, 0.001, 0.01, 0.1)),
            "vacuum": draw.choices((0, 0.0005, 0.003), (6, 3, 1))[0],
            "switch": draw.choices((0, 0.001), (8, 2))[0],
            "large": draw.choice((0, 0, 0.01)),
            "huge": draw.choice((0, 0, 0.001)),
            "cache": draw.choice((0, 0, 8)),
            "pause": draw.choice((0, 0, 0, 0.005, 0.1)),
            "timeout": 20,
        }

    def create(self):
        chosen = self.settings
        journal = ledger.Journal(self.new_journal())
        ledger.create(self.path, chosen["page_size"], chosen["journal"], chosen["auto_vacuum"],
                      chosen["items"], self.random, journal)
        os.close(journal.handle)

    def new_journal(self):
        path = self.site.folder / f"journal-{self.name}-{len(self.journals)}"
        path.touch()
        self.journals.append(path)
        return path

    def start(self):
        for _ in range(self.settings["writers"]):
            options = {**self.settings, "path": str(self.path), "alone": self.settings["writers"] == 1,
                       "journal_file": str(self.new_journal()), "seed": self.random.getrandbits(32)}
            self.writers.append(subprocess.Popen(
                [sys.executable, "-B", HERE / "writer.py", json.dumps(options)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))

    def stop(self, kill=False):
        """Ends its processes, in good order or not, and learns what they saw."""
        for writer in self.writers:
            writer.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        for writer in self.writers:
            said, _ = writer.communicate(timeout=120)
            if not kill:
                line = said.strip().splitlines()[-1] if said.strip() else ""
                if writer.returncode == -signal.SIGTERM and not said:
                    continue  # it had not begun yet
                if writer.returncode != 0 or not line.startswith("{"):
                    raise RuntimeError(f"a writer ended with {writer.returncode}: {said[-2000:]}")
                self.answers.append(json.loads(line))
        self.writers = []
        if kill:
            self.recover()

    def recover(self):
        """What the next start of the application does: a hot journal is played back."""
        journal = pathlib.Path(f"{self.path}-journal")
        if journal.exists() and journal.stat().st_size > 0:
            self.look()

    def look(self):
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=20)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        connection.close()

    def copy(self):
        """Somebody's plain copy of it, taken while it is written."""
        target = self.site.folder / f"{self.name}-copy-{len(self.copies)}"
        read, write = sqlite3.connect(self.path, timeout=20), sqlite3.connect(target)
        read.backup(write)
        write.close()
        read.close()
        self.copies.append(target)

    def forget_companions(self):
        for ending in COMPANIONS:
            pathlib.Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def put_in_place(self, source):
        """`source` instead of the database; the application is not running."""
        self.replaced += 1
        self.forget_companions()
        if self.random.random() < 0.6:
            beside = self.site.folder / f"{self.name}-beside"
            shutil.copyfile(source, beside)
            os.replace(beside, self.path)
        else:
            shutil.copyfile(source, self.path)  # into the same file

    def delete(self):
        self.replaced += 1
        self.forget_companions()
        self.path.unlink()

    def commits(self):
        return ledger.Commits.read(self.journals)

    def present(self):
        """Its state now, read from a copy of its files so that nothing is touched."""
        target = self.site.folder / f"{self.name}-present"
        for ending in ("", *COMPANIONS):
            pathlib.Path(f"{target}{ending}").unlink(missing_ok=True)
        for ending in ("", "-wal", "-journal"):
            if os.path.exists(f"{self.path}{ending}"):
                shutil.copyfile(f"{self.path}{ending}", f"{target}{ending}")
        return ledger.prove(target, self.commits())
