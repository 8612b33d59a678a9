"""`holdfast guard`: twelve campaigns, the one nobody wants back, and the one a user added."""

import json
import unittest

from holdfast import Scenario

CONFIGURATION = """
[databases.app]
source = "volume/app.db"
on_violation = "{on_violation}"
invariants = [{{ name = "twelve", sql = "SELECT count(*) FROM campaigns WHERE id <= 12", equals = 12 }}]
exclusions = [{{ table = "campaigns", where = "name = 'Prizies'" }}]
"""
RECORDS = """
[records]
own_tables = "{own_tables}"
[collections.campaigns]
cascades = [{{ table = "gifts", columns = ["campaign"] }}]
"""
SCHEMA = "CREATE TABLE campaigns (id INTEGER PRIMARY KEY, name TEXT NOT NULL, active DEFAULT 1)"
CAMPAIGNS = [f"Campaign {number}" for number in range(1, 13)]


class GuardCommand(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.app = self.folder / "volume" / "app.db"
        self.app.parent.mkdir()
        self.set_up("restore")
        self.make(*CAMPAIGNS, "Prizies", "Of a user")
        self.backup("app")

    def set_up(self, on_violation):
        self.configure(CONFIGURATION.format(on_violation=on_violation))

    def make(self, *names):
        self.sql(self.app, "PRAGMA journal_mode = WAL", SCHEMA,
                 *(f"INSERT INTO campaigns (name) VALUES ('{name}')" for name in names))

    def record(self, **fields):
        file = self.folder / "record.json"
        file.write_text(json.dumps(fields), encoding="utf-8")
        return file

    def names(self):
        return [row[0] for row in self.sql(self.app, "SELECT name FROM campaigns ORDER BY id")]

    def wipe(self):
        for file in self.app.parent.glob("*"):
            file.unlink()

    def guard(self, status, *words, **variables):
        return self.expect(status, "guard", *words, "--json", **variables).json[0]

    def test_brings_the_twelve_and_the_users_back_once(self):
        self.wipe()
        self.app.parent.rmdir()
        looked = self.guard(6)
        self.assertEqual(("missing", "restore", False),
                         (looked["presence"], looked["action"], looked["safe"]))
        self.assertFalse(self.app.exists())
        done = self.guard(0, "--fix")
        self.assertTrue(done["safe"])
        self.assertEqual(1, done["excluded_rows_removed"])
        self.assertEqual([*CAMPAIGNS, "Of a user"], self.names())
        again = self.guard(0, "--fix")
        self.assertEqual("serve", again["action"])
        self.assertEqual([*CAMPAIGNS, "Of a user"], self.names())

    def test_replaces_whatever_is_no_database(self):
        whole = self.app.read_bytes()
        for content in (b"", b"x" * 5000, whole[: len(whole) // 2], whole[:4096] + b"\x55" * 4096):
            self.wipe()
            self.app.write_bytes(content)
            self.assertEqual("restore", self.guard(0, "--fix")["action"])
            self.assertEqual([*CAMPAIGNS, "Of a user"], self.names())

    def test_never_keeps_a_fresh_database_beside_a_full_history(self):
        self.wipe()
        self.make()
        done = self.guard(0, "--fix")
        self.assertEqual(("emptier", "restore"), (done["lineage"], done["action"]))
        self.assertEqual([*CAMPAIGNS, "Of a user"], self.names())
        self.ok("restore", done["safety_snapshot"], "--to", self.folder / "fresh.db")

    def test_merges_what_is_missing_and_keeps_what_is_new(self):
        self.set_up("merge")
        self.sql(self.app, "DELETE FROM campaigns WHERE id < 6",
                 "INSERT INTO campaigns (name) VALUES ('Of another user')")
        self.assertEqual(5, self.guard(0, "--fix")["rows_merged"])
        self.assertEqual([*CAMPAIGNS, "Of a user", "Of another user"], self.names())

    def test_never_merges_what_was_deleted_by_way_of_holdfast(self):
        self.sql(self.app, "CREATE TABLE gifts (id INTEGER PRIMARY KEY, campaign INTEGER)",
                 "INSERT INTO gifts (campaign) VALUES (2), (3), (3)")
        for where in ("inside", "beside"):
            with self.subTest(own_tables=where):
                self.configure(CONFIGURATION.format(on_violation="merge") + RECORDS.format(own_tables=where))
                self.ok("put", "campaigns", "--undelete", self.record(id=3, name="Campaign 3"))
                self.sql(self.app, "INSERT OR IGNORE INTO gifts VALUES (2, 3), (3, 3)")
                self.backup("app")
                self.ok("delete", "campaigns", "3")
                # What a deploy does to it: the deletes are all that is left of the records.
                self.sql(self.app, "DELETE FROM campaigns WHERE id < 6", "DELETE FROM gifts")
                done = self.guard(3, "--fix")  # eleven are not twelve
                self.assertEqual(("merge", 3), (done["action"], done["rows_deleted_before"]))
                self.assertEqual([name for name in CAMPAIGNS if name != "Campaign 3"] + ["Of a user"], self.names())
                self.assertEqual([(2,)], self.sql(self.app, "SELECT campaign FROM gifts"))
                self.failure(62, "put", "campaigns", self.record(id=3, name="Campaign 3"))

    def test_refuses_if_told_so_and_changes_nothing(self):
        self.set_up("refuse")
        self.sql(self.app, "DELETE FROM campaigns WHERE id = 1 OR name = 'Prizies'")
        before = self.app.read_bytes()
        self.failure(55, "guard", "--fix")
        self.assertEqual(before, self.app.read_bytes())

    def test_takes_out_what_comes_back(self):
        for _ in range(2):
            self.sql(self.app, "DELETE FROM campaigns WHERE name = 'Prizies'",
                     "INSERT INTO campaigns (name) VALUES ('Prizies')")
            done = self.guard(0, "--fix")
            self.assertEqual(("exclude", 1), (done["action"], done["excluded_rows_removed"]))
        self.assertEqual([*CAMPAIGNS, "Of a user"], self.names())

    def test_says_each_step(self):
        self.wipe()
        answer = self.ok("guard", "--fix")
        for sentence in ("database app: found missing", "database app: decided to restore",
                         "database app: restored snapshot"):
            self.assertIn(sentence, answer.err)
        self.assertIn("guard", self.ok("log").out)


if __name__ == "__main__":
    unittest.main()
