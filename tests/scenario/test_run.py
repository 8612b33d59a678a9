"""`holdfast run`: the application starts on a safe database, and ends as if it ran alone."""

import signal
import subprocess
import unittest

from holdfast import PROGRAM, Outages, Scenario

INSERT = """
import sqlite3, sys
connection = sqlite3.connect("app.db", isolation_level=None, timeout=20)
connection.execute("PRAGMA journal_mode=wal")
connection.execute("CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, text TEXT)")
connection.execute("INSERT INTO item (text) VALUES (?)", (sys.argv[1],))
"""


class Run(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.configure('[databases.app]\nsource = "app.db"\n')

    def texts(self, name="app.db"):
        return {row[0] for row in self.sql(self.folder / name, "SELECT text FROM item")}

    def wipe(self):
        for file in self.folder.glob("app.db*"):
            file.unlink()

    def start(self, *words):
        process = subprocess.Popen(
            [PROGRAM, "run", *map(str, words)], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_passes_output_and_status_through(self):
        self.database()
        answer = self.expect(7, "run", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual("out\n", answer.out)
        self.assertIn("err\n", answer.err)

    def test_ends_with_the_signal_that_ended_the_application(self):
        self.database()
        self.expect(128 + signal.SIGKILL, "run", "--", "sh", "-c", "kill -9 $$")

    def test_gives_the_application_its_own_options(self):
        self.database()
        self.assertEqual("--json --help\n", self.ok("run", "echo", "--json", "--help").out)

    def test_passes_signals_on(self):
        self.database()
        process = self.start("--", "sh", "-c", "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done")
        self.assertEqual("ready\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(42, process.wait(timeout=60))

    def test_ships_the_last_commit_of_an_application_that_ends_at_once(self):
        self.database()
        self.ok("run", "--", "/usr/bin/python3", "-c", INSERT, "the last word")
        self.wipe()
        self.ok("restore", "--at", "now", "--to", "back.db", "--database", "app")
        self.assertIn("the last word", self.texts("back.db"))

    def leases(self):
        return sorted(file.name for file in (self.repository / "leases").glob("*/*"))

    def test_keeps_the_lease_of_the_boot_while_the_application_runs(self):
        # Between releasing it and taking the next, another process could come in.
        self.database()
        self.ok("run", "--", "/usr/bin/python3", "-c", INSERT, "one")
        self.assertEqual(["00000001", "00000001-released"], self.leases())

    def test_releases_the_leases_of_the_boot_where_it_goes_no_further(self):
        self.database()
        self.expect(43, "run", "--", "no-such-program-anywhere")
        self.assertEqual(["00000001", "00000001-released"], self.leases())

    def test_brings_the_database_back_on_an_empty_disk(self):
        self.database()
        self.ok("run", "--", "/usr/bin/python3", "-c", INSERT, "added by a user")
        self.wipe()
        answer = self.ok("run", "--", "/usr/bin/python3", "-c", INSERT, "after the wipe")
        self.assertIn("restore", answer.err)
        self.assertEqual(102, len(self.texts()))
        self.assertLessEqual({"added by a user", "after the wipe"}, self.texts())

    def test_starts_from_nothing_where_there_is_neither_data_nor_history(self):
        self.ok("run", "--", "/usr/bin/python3", "-c", INSERT, "the first")
        self.assertEqual({"the first"}, self.texts())
        self.wipe()
        self.ok("run", "--", "true")
        self.assertEqual({"the first"}, self.texts())

    def test_says_that_a_command_cannot_be_started(self):
        self.database()
        self.assertEqual("not_found", self.failure_before("no-such-program-anywhere"))
        self.assertEqual("usage", self.failure(2, "run")["code"])

    def failure_before(self, command):
        answer = self.expect(43, "--json", "run", "--", command)
        return answer.json["error"]["code"]

    def test_starts_while_the_store_is_away_and_sends_later(self):
        self.database()
        self.ok("run", "--", "true")
        outages = Outages(self)
        outages.begin()
        answer = self.ok("run", "--", "/usr/bin/python3", "-c", INSERT, "meanwhile")
        self.assertIn("away", answer.err)
        outages.end()
        self.ok("run", "--", "true")
        self.wipe()
        self.ok("restore", "--at", "now", "--to", "back.db", "--database", "app")
        self.assertIn("meanwhile", self.texts("back.db"))

    def test_refuses_to_start_without_a_repository_that_ever_was(self):
        self.database()
        self.expect(10, "run", "--", "true", HOLDFAST_REPO=str(self.folder / "nowhere"))


if __name__ == "__main__":
    unittest.main()
