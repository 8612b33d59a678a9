"""The program under test and the independent reader, run as somebody with an empty home would run them."""

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

import gateway

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READER = ROOT / "tests" / "format" / "read_snapshot.py"
PYTHON = "/usr/bin/python3"
PASSPHRASE = "correct horse battery staple"


class ProgramTest(unittest.TestCase):
    """A temporary folder, a repository path in it, and ways to run the two programs."""

    def setUp(self):
        program = os.environ.get("HOLDFAST")
        if not program:
            self.fail("HOLDFAST must name the binary to test")
        self.program = pathlib.Path(program).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.gateway = gateway.chosen()
        self.repo = self.gateway.new_place() if self.gateway else self.folder / "repo"
        self.passphrase = PASSPHRASE

    def environment(self):
        variables = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "HOLDFAST_KEY_CACHE": "off",
            **(self.gateway.environment if self.gateway else {}),
        }
        if self.passphrase:
            variables["HOLDFAST_PASSPHRASE"] = self.passphrase
        return variables

    def run_program(self, command):
        return subprocess.run(
            [str(part) for part in command],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def succeed(self, command):
        done = self.run_program(command)
        self.assertEqual(0, done.returncode, f"{command}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def holdfast(self, *arguments):
        return self.succeed([self.program, "--repo", self.repo, *arguments])

    def holdfast_json(self, *arguments):
        return json.loads(self.holdfast(*arguments, "--json"))

    def readable(self):
        """A folder with what is in the repository: the readers know no store."""
        if not self.gateway:
            return self.repo
        copy = self.folder / "readable"
        shutil.rmtree(copy, ignore_errors=True)
        self.repo.copy_to(copy)
        return copy

    def reader(self, *arguments):
        return self.succeed([PYTHON, "-B", READER, self.readable(), *arguments])

    def reader_fails(self, *arguments):
        done = self.run_program([PYTHON, "-B", READER, self.readable(), *arguments])
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        return done.stderr

    def database(self, name, page_size=4096, rows=2000):
        path = self.folder / name
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA page_size={page_size}")
        connection.execute("CREATE TABLE letters(id INTEGER PRIMARY KEY, text TEXT, content BLOB)")
        connection.execute("CREATE INDEX by_text ON letters(text)")
        connection.executemany(
            "INSERT INTO letters(text, content) VALUES(?, ?)",
            ((f"letter number {i} " * 5, os.urandom(100 + i % 300)) for i in range(rows)),
        )
        connection.commit()
        connection.close()
        return path

    def change(self, path, statement):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()
