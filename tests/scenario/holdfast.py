"""A user's corner for scenario tests: a temporary folder, an environment, and the program in it."""

import fcntl
import hashlib
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import urllib.parse

import gateway

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "chaos"))

from cutting_proxy import CuttingProxy  # noqa: E402

PROGRAM = os.environ.get("HOLDFAST", str(ROOT / "build" / "release" / "holdfast"))
PASSPHRASE = "correct horse"


def take_terminal():
    """As a login shell would start a program: its own terminal, and signals as usual."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Outages:
    """The store of a scenario, which goes away and comes back. To be made before what is to notice is started."""

    def __init__(self, scenario):
        self.repository = scenario.repository
        self.relay = None
        if scenario.gateway:
            address = urllib.parse.urlsplit(scenario.environment["AWS_ENDPOINT_URL"])
            self.relay = CuttingProxy(0, (address.hostname, address.port))
            scenario.addCleanup(self.relay.close)
            scenario.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{self.relay.port}"

    def away(self):
        return self.repository.with_name("away")

    def begin(self):
        if self.relay:
            self.relay.refusing = True
            self.relay.cut()
        else:
            self.repository.rename(self.away())

    def end(self):
        if self.relay:
            self.relay.calm()
        else:
            self.away().rename(self.repository)


class Answer:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Scenario(unittest.TestCase):
    """Each test has its own folder, with nothing of the machine's own configuration."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="holdfast-scenario-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.gateway = gateway.chosen()
        self.repository = self.new_place("repository")
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),
            "HOLDFAST_REPO": str(self.repository),
            "HOLDFAST_PASSPHRASE": PASSPHRASE,
            "HOLDFAST_CACHE_DIR": str(self.folder / "cache"),
            "HOLDFAST_KEY_CACHE": "off",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "xterm",
            **(self.gateway.environment if self.gateway else {}),
        }

    def new_place(self, name):
        """For a repository: a folder of this name, or one in the store of all tests."""
        return self.gateway.new_place() if self.gateway else self.folder / name

    def remove_all(self, place):
        if self.gateway:
            place.remove_all()
        else:
            shutil.rmtree(place)

    def only_in_a_folder(self, why):
        if self.gateway:
            self.skipTest(f"only in a folder: {why}")

    def run_program(self, *words, **variables):
        environment = {**self.environment, **variables}
        environment = {name: value for name, value in environment.items() if value is not None}
        done = subprocess.run(
            [PROGRAM, *map(str, words)], cwd=self.folder, env=environment, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False,
        )
        return Answer(done)

    def expect(self, status, *words, **variables):
        answer = self.run_program(*words, **variables)
        self.assertEqual(status, answer.status, f"holdfast {' '.join(map(str, words))}: {answer}")
        return answer

    def ok(self, *words, **variables):
        return self.expect(0, *words, **variables)

    def ok_json(self, *words, **variables):
        return self.ok(*words, "--json", **variables).json

    def failure(self, status, *words, **variables):
        """The error object of a command that must fail."""
        error = self.expect(status, *words, "--json", **variables).json["error"]
        self.assertEqual(status, error["exit_status"])
        for field in ("code", "message", "safe", "next"):
            self.assertTrue(error[field], field)
        return error

    def init(self, *words):
        return self.ok_json("init", *words)

    def database(self, name="app.db", rows=100, mode="wal"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.sql(path, f"PRAGMA journal_mode={mode}", "CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)",
                 f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                     INSERT INTO item SELECT i, hex(randomblob(50)) FROM n""")
        return path

    def sql(self, path, *statements):
        connection = sqlite3.connect(path, isolation_level=None, timeout=20)
        try:
            rows = []
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            return rows
        finally:
            connection.close()

    def content(self, path):
        """The number of rows and a digest of them all: equal for equal content."""
        rows = self.sql(path, "SELECT * FROM item ORDER BY id")
        return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()

    def configure(self, text):
        (self.folder / "holdfast.toml").write_text(text, encoding="utf-8")

    def backup(self, *words, **variables):
        return self.ok_json("backup", *(words or ("app.db",)), **variables)

    def snapshot_ids(self, *words):
        return [snapshot["id"] for snapshot in self.ok_json("snapshots", *words)]

    def on_terminal(self, words, answers, **variables):
        """Runs the program on a terminal of its own and types `answers`, a list of (prompt, text). Gives the exit
        status and all that stood on the terminal."""
        environment = {**self.environment, **variables}
        environment = {name: value for name, value in environment.items() if value is not None}
        try:
            leader, follower = pty.openpty()
        except OSError as error:  # a bare chroot has no /dev/pts
            self.skipTest(f"no terminals here: {error}")
        process = subprocess.Popen(
            [PROGRAM, *map(str, words)], cwd=self.folder, env=environment, stdin=follower, stdout=follower,
            stderr=follower, start_new_session=True, preexec_fn=take_terminal,
        )
        os.close(follower)
        shown, answers, seen = "", list(answers), 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not select.select([leader], [], [], 1)[0]:
                continue
            try:
                piece = os.read(leader, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece.decode("utf-8", "replace")
            while answers and answers[0][0] in shown[seen:]:
                prompt, text = answers.pop(0)
                seen = shown.index(prompt, seen) + len(prompt)
                os.write(leader, (text + "\n").encode())
        os.close(leader)
        self.assertEqual([], answers, f"never asked; shown was:\n{shown}")
        return process.wait(timeout=60), shown
