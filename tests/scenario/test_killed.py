"""kill -9 at any moment: what was acknowledged is there, and the next command goes on."""

import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

from holdfast import PROGRAM, Scenario

ROUNDS = 25


class Killed(Scenario):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"HOLDFAST_SEED={seed}", flush=True)
        self.random = random.Random(seed)
        self.init()
        with sqlite3.connect(self.folder / "app.db") as connection:
            connection.execute("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB)")
            connection.execute(
                """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
                   INSERT INTO record SELECT i, randomblob(900) FROM n""")
        connection.close()

    def change(self):
        with sqlite3.connect(self.folder / "app.db") as connection:
            connection.execute("UPDATE record SET body = randomblob(900) WHERE id % 50 = ?", (self.random.randrange(50),))
        connection.close()

    def kill_during(self, *words):
        """Starts the program and kills it a little later: False if it had ended by then."""
        process = subprocess.Popen(
            [PROGRAM, *words], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.random.uniform(0, 0.25))  # the moment is the point
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL

    def content(self, path):
        with sqlite3.connect(path) as connection:
            rows = connection.execute("SELECT * FROM record ORDER BY id").fetchall()
            self.assertEqual([("ok",)], connection.execute("PRAGMA integrity_check").fetchall())
        connection.close()
        return rows

    def test_backups_prunes_and_restores_that_are_killed_lose_nothing(self):
        acknowledged = {}
        for number in range(ROUNDS):
            self.change()
            snapshot = self.backup()["snapshot"]
            acknowledged[snapshot] = self.content(self.folder / "app.db")
            self.change()
            words = self.random.choice([
                ("backup", "app.db"), ("prune",), ("restore", snapshot, "--yes"),
                ("forget", "--keep-last", "1000", "--yes", "--prune")])
            before = self.content(self.folder / "app.db")
            self.kill_during(*words)
            after = self.content(self.folder / "app.db")
            self.assertIn(after, (before, acknowledged[snapshot]), f"round {number}: {words}")
        self.ok_json("prune")
        self.ok_json("verify", "--all", "--read-data")
        for snapshot in self.random.sample(sorted(acknowledged), 8):
            restored = self.folder / "restored.db"
            self.ok_json("restore", snapshot, "--to", str(restored), "--yes")
            self.assertEqual(acknowledged[snapshot], self.content(restored))
            restored.unlink()


if __name__ == "__main__":
    unittest.main()
