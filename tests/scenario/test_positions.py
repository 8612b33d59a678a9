"""docs/format.md is enough for timelines too: a reader written from it alone restores every position."""

import json
import signal
import sqlite3
import subprocess
import unittest

from program import PYTHON, READER, ProgramTest

POSITION_READER = READER.parent / "read_position.py"


class PositionsTest(ProgramTest):
    def position_reader(self, *arguments):
        return self.succeed([PYTHON, "-B", POSITION_READER, self.readable(), *arguments])

    def follow(self, path):
        process = subprocess.Popen(
            [self.program, "--repo", str(self.repo), "replicate", path, "--events"],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def durable(self, process):
        return json.loads(process.stdout.readline())["position"]

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        rest = [json.loads(line)["position"] for line in process.stdout]
        self.assertEqual(0, process.wait(timeout=60))
        return rest

    def replicate(self, path, count):
        """Positions that were acknowledged while each of `count` commits was waited for."""
        process = self.follow(path)
        positions = [self.durable(process)]
        connection = sqlite3.connect(path)
        self.addCleanup(connection.close)
        for number in range(count):
            connection.execute(f"UPDATE letters SET text = 'new' WHERE id % 9 = {number % 9}")
            connection.commit()
            positions.append(self.durable(process))
        return positions + self.end(process)

    def wal_database(self):
        path = self.database("app.db", rows=500)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
        return path

    def compare(self, positions):
        listed = [json.loads(line) for line in self.position_reader("list", "app").splitlines()]
        self.assertLessEqual(set(positions), {row["position"] for row in listed})
        for position in positions:
            read, own = self.folder / f"read-{position}.db", self.folder / f"own-{position}.db"
            self.position_reader("restore", position, "app", read)
            self.holdfast("restore", "--position", position, "--to", own, "--yes")
            self.assertEqual(read.read_bytes(), own.read_bytes(), position)
        checked = self.position_reader("check", "app").splitlines()
        self.assertEqual(len(listed), len(checked))
        return listed

    def test_reads_every_position_of_two_sessions(self):
        self.holdfast("init")
        path = self.wal_database()
        positions = self.replicate(path, 4)
        self.change(path, "DELETE FROM letters WHERE id > 400")
        positions += self.replicate(path, 2)
        listed = self.compare(positions)
        self.assertTrue(all(row["main"] for row in listed))
        self.assertEqual({"1", "2"}, {row["position"].split(".")[0] for row in listed})

    def test_notices_a_changed_byte_of_a_segment(self):
        self.passphrase = None
        self.holdfast("init", "--no-encryption")
        newest = self.replicate(self.wal_database(), 1)[-1]
        for segment in self.repo.glob("timelines/*/s/*"):
            content = bytearray(segment.read_bytes())
            content[-1] ^= 1
            segment.write_bytes(content)
        out = self.folder / "out.db"
        done = self.run_program(
            [PYTHON, "-B", POSITION_READER, self.readable(), "restore", newest, "app", out]
        )
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertIn("does not authenticate", done.stderr)


if __name__ == "__main__":
    unittest.main()
