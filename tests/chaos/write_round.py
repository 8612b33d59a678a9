"""One round of the write path: several write at once, everything fails that can, and then every answer
that was given must be true."""

import collections
import errno
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import write_clients as clients
import write_ledger as ledger
from site_of_round import Faults, built_faults

DATABASE, SPOOL = 3, 4

CONFIGURATION = """
[databases.app]
source = "held/database/app.db"
{exports}
[records]
spool = "held/spool"
emergency = "emergency"
spool_limit = "{spool_limit}"
patience = "{patience}"
own_tables = "{own_tables}"
[collections.items]
[collections.events]
"""
EXPORT = """[[databases.app.exports]]
collection = "items"
file = "items.json"
"""


class Site:
    """A folder with a database in it, the program, and the server that is restarted as a service manager would."""

    def __init__(self, program):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-write-chaos-"))
        self.held = self.folder / "held"
        self.home = self.held / "database"
        self.home.mkdir(parents=True)
        self.database = self.home / "app.db"
        self.spool = self.held / "spool"
        self.program = str(program)
        self.faults = Faults(self.folder / "faults")
        self.library = built_faults()
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.folder), "LC_ALL": "C.UTF-8",
            "HOLDFAST_KEY_CACHE": "off", "HOLDFAST_REPO": str(self.folder / "repository")}
        if "FORGETFUL" in os.environ:
            self.environment["FORGETFUL"] = os.environ["FORGETFUL"]
        self.server = None
        self.port = None
        self.starts = 0

    def faulty_environment(self):
        if not self.library:
            return self.environment
        return {**self.environment, "LD_PRELOAD": str(self.library),
                "CHAOS_FAULTS": str(self.folder / "faults"), "CHAOS_FOLDER": str(self.held)}

    def run(self, *words, given=""):
        done = subprocess.run([self.program, *words], cwd=self.folder, env=self.environment, input=given,
                              capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def serve(self):
        self.starts += 1
        with open(self.folder / f"serve-{self.starts}", "wb") as errors:
            self.server = subprocess.Popen(
                [self.program, "serve", "--json", "--listen", "127.0.0.1:0"], cwd=self.folder,
                env=self.faulty_environment(), stdout=subprocess.PIPE, stderr=errors, text=True)
        line = self.server.stdout.readline()
        if not line:
            raise ledger.Wrong(f"serve did not start: {self.said()}")
        self.port = int(json.loads(line)["listening"].rpartition(":")[2])

    def said(self):
        return (self.folder / f"serve-{self.starts}").read_text(errors="replace")[-1500:]

    def end_server(self, how):
        """Its exit status."""
        if self.server is None:
            return 0
        if self.server.poll() is not None:
            raise ledger.Wrong(f"serve ended by itself with {self.server.returncode}: {self.said()}")
        self.port = None
        self.server.send_signal(how)
        try:
            return self.server.wait(60)
        except subprocess.TimeoutExpired as error:
            self.server.kill()
            self.server.wait()
            raise ledger.Wrong(f"serve did not end within a minute: {self.said()}") from error
        finally:
            self.server.stdout.close()
            self.server = None

    def take_away(self):
        # The folder: its files would be parted from each other for a moment.
        self.home.rename(self.held / "away")

    def bring_back(self):
        away = self.held / "away"
        if away.exists():
            if self.home.exists():
                raise ledger.Wrong(f"something made {self.home} anew: {os.listdir(self.home)}")
            away.rename(self.home)


class Round:
    def __init__(self, seed, program, options):
        self.random = random.Random(seed)
        self.options = options
        self.site = Site(program)
        self.story = []
        self.begun = time.monotonic()
        self.clients = []

    def tell(self, text):
        self.story.append(f"{time.monotonic() - self.begun:7.3f} {text}")

    # -- before ---------------------------------------------------------------------------------

    def prepare(self):
        draw = self.random
        self.settings = {
            "exports": EXPORT if draw.random() < 0.4 else "",
            "spool_limit": draw.choice(("1GB", "1GB", "20kB")),
            "patience": draw.choice(("0s", "0s", "1s")),
            "own_tables": draw.choice(("inside", "inside", "beside"))}
        journal = draw.choice(("WAL", "WAL", "DELETE"))
        # Two logs are not committed in one go: docs/records.md, "Deletes".
        self.parted = journal == "WAL" and self.settings["own_tables"] == "beside"
        self.tell(f"{journal}, {self.settings}")
        (self.site.folder / "holdfast.toml").write_text(CONFIGURATION.format(**self.settings), encoding="utf-8")
        connection = sqlite3.connect(self.site.database, isolation_level=None)
        connection.execute(f"PRAGMA journal_mode={journal}")
        for statement in ledger.SCHEMA:
            connection.execute(statement)
        status, said = self.site.run("put", "events", "-", given='{"token": "first"}')
        if status:
            raise ledger.Wrong(f"the first put ended with {status}: {said}")
        connection.execute("DELETE FROM events")
        if self.settings["own_tables"] == "inside":
            for statement in ledger.TOMBSTONES:
                connection.execute(statement)
        connection.close()
        self.site.serve()
        for number in range(draw.randrange(1, 4)):
            self.clients.append(clients.HttpClient(self.site, draw.random(), f"http{number}"))
        for number in range(draw.randrange(1, 3)):
            self.clients.append(clients.CommandClient(self.site, draw.random(), f"command{number}"))
        for number in range(draw.randrange(0, 3)):
            self.clients.append(clients.Direct(self.site, draw.random(), f"direct{number}", number))
        for client in self.clients:
            client.start()

    # -- meanwhile ------------------------------------------------------------------------------

    def length(self):
        return self.random.choice((0.05, 0.2, 0.6)) * self.random.uniform(0.5, 1.5) * self.options.slowness

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.site.server is not None and self.site.server.poll() is not None:
                raise ledger.Wrong(f"serve ended by itself with {self.site.server.returncode}: {self.site.said()}")
            time.sleep(min(0.02, max(0.0, until - time.monotonic())))

    def killed(self):
        self.site.end_server(signal.SIGKILL)
        self.wait(self.random.choice((0, 0.05, 0.2)))
        self.site.serve()

    def ended(self):
        status = self.site.end_server(signal.SIGTERM)
        if status:
            raise ledger.Wrong(f"serve ended with {status}: {self.site.said()}")
        self.site.serve()

    def locked(self):
        connection = sqlite3.connect(self.site.database, isolation_level=None, timeout=1)
        try:
            connection.execute(self.random.choice(("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")))
            self.meanwhile(self.length() * 2)
            connection.execute(self.random.choice(("COMMIT", "ROLLBACK")))
        except sqlite3.OperationalError:
            pass
        finally:
            connection.close()

    def moved_away(self):
        self.site.take_away()
        try:
            self.meanwhile(self.length())
        finally:
            self.site.bring_back()

    def failing(self, error, permille, where):
        self.site.faults.set(permille=permille, error=error, where=where)
        self.meanwhile(self.length())
        self.site.faults.calm()

    def read_only(self):
        self.failing(errno.EROFS, 1000, DATABASE)

    def disk_full(self):
        self.failing(errno.ENOSPC, self.random.choice((100, 500, 1000)), DATABASE)

    def disk_fails(self):
        self.failing(errno.EIO, self.random.choice((5, 30, 200)), self.random.choice((DATABASE, SPOOL)))

    def spool_full(self):
        """While nothing else takes the records."""
        self.site.take_away()
        try:
            self.failing(errno.ENOSPC, self.random.choice((300, 1000)), SPOOL)
        finally:
            self.site.bring_back()

    def slow_syncs(self):
        self.site.faults.set(delay=self.random.choice((0.002, 0.02, 0.1)),
                             where=self.random.choice((DATABASE, SPOOL)))
        self.meanwhile(self.length())
        self.site.faults.calm()

    def meanwhile(self, seconds):
        """Some die of what else goes wrong."""
        if self.random.random() < 0.3:
            self.wait(seconds / 2)
            self.tell("  killed")
            self.killed()
            seconds /= 2
        self.wait(seconds)

    def disturb(self):
        faults = [self.killed, self.killed, self.ended, self.locked, self.locked, self.moved_away]
        if self.site.library:
            faults += [self.read_only, self.disk_full, self.disk_fails, self.disk_fails, self.spool_full,
                       self.slow_syncs]
        fault = self.random.choice(faults)
        self.tell(fault.__name__)
        fault()

    # -- after ----------------------------------------------------------------------------------

    def settle(self):
        self.tell("settle")
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            client.join(90)
            if client.is_alive():
                raise ledger.Wrong(f"{client.name} never came to its end")
        for client in self.clients:
            if client.failure:
                raise ledger.Wrong(client.failure)
        how = self.random.choice((signal.SIGKILL, signal.SIGTERM))
        status = self.site.end_server(how)
        if how == signal.SIGTERM and status:
            raise ledger.Wrong(f"serve ended with {status}: {self.site.said()}")
        status, said = self.site.run("put", "items", "-")
        if status:
            raise ledger.Wrong(f"draining ended with {status}: {said}")

    def operations(self):
        return [one for client in self.clients for one in client.operations]

    def prove(self):
        oracle = ledger.Oracle(self.site.database, self.site.spool / "app", self.operations(),
                               parted=self.parted)
        oracle.prove()
        for client in self.clients:
            lost = [row for row in getattr(client, "committed", []) if row not in oracle.direct]
            if lost:
                raise ledger.Wrong(f"what {client.name} committed itself is lost: {lost[:5]}")
        if self.settings["exports"]:
            self.prove_export(oracle)

    def prove_export(self, oracle):
        status, said = self.site.run("export")
        if status:
            raise ledger.Wrong(f"export ended with {status}: {said}")
        exported = json.loads((self.site.folder / "items.json").read_bytes())
        if {key: record["token"] for key, record in exported.items()} != {
                key: row[0] for key, row in oracle.rows.items()}:
            raise ledger.Wrong("the export is not what the database holds")

    def play(self):
        self.prepare()
        end = time.monotonic() + self.options.seconds
        self.wait(self.random.random() * 0.1)
        while time.monotonic() < end:
            self.disturb()
            self.wait(self.random.choice((0.02, 0.2)) * self.random.uniform(0.5, 1.5))
        self.settle()
        self.prove()

    def finish(self):
        """Nothing of it runs any more."""
        self.site.faults.calm()
        self.site.bring_back()
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            if client.is_alive():
                client.join(90)
        if self.site.server is not None:
            self.site.server.kill()
            self.site.server.wait()
            self.site.server.stdout.close()

    def figures(self):
        answers = collections.Counter(one.answer for one in self.operations())
        answers["restarts"] = self.site.starts
        return answers


def play(seed, program, options):
    """(failure or None, figures, story, folder)."""
    one = Round(seed, program, options)
    failure = None
    try:
        one.play()
    except (ledger.Wrong, RuntimeError, sqlite3.Error, OSError, subprocess.SubprocessError) as reason:
        failure = f"{type(reason).__name__}: {reason}"
        (one.site.folder / "operations").write_text("".join(f"{each}\n" for each in sorted(
            one.operations(), key=lambda each: each.start)), encoding="utf-8")
    finally:
        one.finish()
    if not failure and not options.keep:
        shutil.rmtree(one.site.folder, ignore_errors=True)
    return failure, one.figures(), one.story, one.site.folder
