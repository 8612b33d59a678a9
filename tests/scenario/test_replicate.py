"""`holdfast replicate`: what was committed is durable a moment later, and any of it comes back."""

import sqlite3
import unittest

from follower import Follower
from holdfast import Outages, Scenario


class Replicate(Scenario):
    def setUp(self):
        super().setUp()
        self.init()

    def insert(self, path, text):
        self.sql(path, f"INSERT INTO item (text) VALUES ('{text}')")

    def texts(self, path):
        return {row[0] for row in self.sql(path, "SELECT text FROM item")}

    def test_makes_a_commit_durable_while_the_writer_stays_open(self):
        path = self.database()
        follower = Follower(self, path)
        follower.wait_until_following()
        first = max(follower.numbers(), default=1)
        self.insert(path, "kept")
        follower.wait_for_number(first + 1)
        follower.kill()
        path.unlink()
        self.ok("restore", "--at", "now", "--to", self.folder / "back.db", "--database", "app")
        self.assertIn("kept", self.texts(self.folder / "back.db"))

    def test_ships_the_last_commit_when_it_is_told_to_end(self):
        path = self.database()
        follower = Follower(self, path)
        follower.wait_until_following()
        self.insert(path, "last")
        self.assertEqual(0, follower.end())
        self.ok("restore", "--at", "now", "--to", self.folder / "back.db", "--database", "app")
        self.assertIn("last", self.texts(self.folder / "back.db"))

    def test_gives_each_event_its_members(self):
        path = self.database()
        # The log stays while a connection is open: each commit is counted.
        connection = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute("INSERT INTO item (text) VALUES ('opened')")
        follower = Follower(self, path)
        follower.wait_until_following()
        for number in range(5):
            connection.execute("INSERT INTO item (text) VALUES (?)", (f"row {number}",))
        follower.end()
        self.assertTrue(follower.events)
        for event in follower.events:
            self.assertEqual("durable", event["event"])
            self.assertEqual("app", event["database"])
            self.assertRegex(event["position"], r"^\d+\.\d+$")
            self.assertRegex(event["time"], r"Z$")
        self.assertEqual(5, max(follower.numbers()) - min(follower.numbers() + [1]))

    def test_follows_files_of_a_folder_that_come_and_go(self):
        self.configure('[databases.tenants]\nsource = "tenants/*.db"\n')
        self.database("tenants/one.db")
        follower = Follower(self)
        follower.wait_until_following("tenants/one")
        second = self.database("tenants/two.db")
        follower.wait_until_following("tenants/two")
        self.insert(second, "of two")
        self.assertEqual(0, follower.end())
        self.ok("restore", "--at", "now", "--to", self.folder / "back.db", "--database", "tenants/two")
        self.assertIn("of two", self.texts(self.folder / "back.db"))

    def test_refuses_a_fresh_database_beside_a_full_history(self):
        path = self.database()
        follower = Follower(self, path)
        follower.wait_until_following()
        follower.end()
        for file in self.folder.glob("app.db*"):
            file.unlink()
        self.sql(path, "PRAGMA journal_mode=wal", "CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT)")
        follower = Follower(self, path)
        follower.wait_for(lambda: any("full history" in line for line in follower.said), "a refusal")
        follower.end()
        self.ok("restore", "--at", "now", "--to", self.folder / "back.db", "--database", "app")
        self.assertEqual(100, len(self.texts(self.folder / "back.db")))

    def test_keeps_commits_on_this_machine_while_the_store_is_away(self):
        path = self.database()
        outages = Outages(self)
        follower = Follower(self, path)
        follower.wait_until_following()
        outages.begin()
        self.insert(path, "meanwhile")
        # A store of S3 is asked again for a minute before it counts as away.
        follower.wait_for(lambda: any("the store is away" in line for line in follower.said), "a warning", 120)
        outages.end()
        self.assertEqual(0, follower.end())
        self.ok("restore", "--at", "now", "--to", self.folder / "back.db", "--database", "app")
        self.assertIn("meanwhile", self.texts(self.folder / "back.db"))

    def test_verify_reads_the_timeline_too(self):
        path = self.database()
        follower = Follower(self, path)
        follower.wait_until_following()
        self.insert(path, "kept")
        follower.end()
        self.ok("verify", "--all", "--read-data")
        self.assertTrue(self.run_program("status", path, "--json").json[0]["last_verification"])
        anchor = next(iter((self.repository / "timelines").glob("*/a/*")))
        content = bytearray(anchor.read_bytes())
        content[-1] ^= 1
        anchor.chmod(0o600)
        anchor.write_bytes(content)
        answer = self.expect(23, "verify", "--all", "--read-data", "--json")
        self.assertIn("timeline of app", answer.json["damage"][0]["problem"])

    def test_says_what_is_wrong_with_its_words(self):
        self.assertEqual("usage", self.failure(2, "replicate", "x.db", "--lease-wait", "soon")["code"])
        self.assertEqual("usage", self.failure(2, "replicate")["code"])


if __name__ == "__main__":
    unittest.main()
