"""Moments of a replicated database: named, drawn, drilled, and what a gap says."""

import datetime
import unittest

from follower import Follower
from holdfast import Scenario


class Timeline(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.path = self.database()

    def insert(self, text):
        self.sql(self.path, f"INSERT INTO item (text) VALUES ('{text}')")

    def texts(self, *which):
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        answer = self.ok_json("restore", *which, "--database", "app", "--to", copy)
        rows = {row[0] for row in self.sql(copy, "SELECT text FROM item")}
        return rows & {"first", "second", "unseen", "third"}, answer["databases"][0]

    def follow(self):
        follower = Follower(self, self.path)
        follower.wait_until_following()
        return follower

    def kinds(self):
        return [row["kind"] for row in self.ok_json("timeline", "app")["rows"]]

    def test_a_mark_brings_back_what_was_committed_when_it_was_set(self):
        follower = self.follow()
        self.insert("first")
        # Once it is durable: a machine that is busy may need longer than a mark waits.
        follower.wait_for_number(2)
        marked = self.ok_json("mark", "before-deploy", self.path)
        self.assertEqual(["app"], [one["database"] for one in marked])
        self.assertTrue(marked[0]["complete"])
        self.insert("second")
        follower.end()
        rows, answer = self.texts("--mark", "before-deploy")
        self.assertEqual({"first"}, rows)
        self.assertEqual(marked[0]["position"], answer["position"])
        self.assertLessEqual(answer["objects_read"], 64)
        rows, _ = self.texts("--position", marked[0]["position"])
        self.assertEqual({"first"}, rows)
        rows, _ = self.texts("--at", "now")
        self.assertEqual({"first", "second"}, rows)
        self.assertIn("mark", self.kinds())
        self.assertIn('mark "before-deploy"', self.ok("timeline", "app").out)

    def test_a_gap_is_drawn_and_offers_its_neighbours(self):
        follower = self.follow()
        self.insert("first")
        follower.end()
        self.insert("unseen")
        self.insert("second")
        follower = self.follow()
        self.insert("third")
        follower.end()
        gaps = [row for row in self.ok_json("timeline", "app")["rows"] if row["kind"] == "gap"]
        self.assertEqual(1, len(gaps), gaps)
        began = datetime.datetime.fromisoformat(gaps[0]["from"].replace("Z", "+00:00"))
        within = began + datetime.timedelta(milliseconds=1)
        error = self.failure(19, "restore", "--at", within.isoformat(), "--to", "nowhere.db",
                             "--database", "app")
        self.assertEqual("position_missing", error["code"])
        self.assertIn("lies in a gap", error["message"])
        for neighbour in (gaps[0]["first"], gaps[0]["last"]):
            self.assertIn(f"position {neighbour}", error["message"])
            self.texts("--position", neighbour)
        self.assertFalse((self.folder / "nowhere.db").exists())

    def test_a_restore_in_place_is_undone_by_its_safety_snapshot(self):
        follower = self.follow()
        self.insert("first")
        follower.end()
        before = self.content(self.path)
        self.insert("second")
        answer = self.ok_json("restore", "--at", "now", "--database", "app", "--to", self.path,
                              "--yes")
        self.assertEqual(before, self.content(self.path))
        self.ok("restore", answer["databases"][0]["safety_snapshot"], "--to", self.path, "--yes")
        self.assertEqual(before[0] + 1, self.content(self.path)[0])

    def test_a_drill_proves_the_newest_position(self):
        self.configure(
            f"""[databases.app]
            source = "{self.path}"
            invariants = [{{ name = "items", sql = "SELECT count(*) FROM item", min = 100 }}]
            """)
        follower = self.follow()
        self.insert("first")
        follower.end()
        proof = self.ok_json("drill")[0]
        self.assertTrue(proof["passed"])
        self.assertEqual(self.ok_json("timeline", "app")["newest"], proof["position"])
        self.sql(self.path, "DELETE FROM item WHERE id > 50")
        follower = self.follow()
        follower.end()
        failed = self.expect(23, "drill", "app", "--json").json[0]
        self.assertFalse(failed["invariants"])
        self.assertTrue(failed["integrity"])

    def test_no_restore_brings_excluded_rows_back(self):
        self.configure(
            f"""[databases.app]
            source = "{self.path}"
            exclusions = [{{ table = "item", where = "text = 'first'" }}]
            """)
        self.insert("first")
        self.insert("second")
        snapshot = self.ok_json("backup", self.path)["snapshot"]
        answer = self.ok_json("restore", snapshot, "--to", "copy.db")
        self.assertEqual(1, answer["databases"][0]["excluded_rows"])
        rows = {row[0] for row in self.sql(self.folder / "copy.db", "SELECT text FROM item")}
        self.assertNotIn("first", rows)
        self.assertIn("second", rows)


if __name__ == "__main__":
    unittest.main()
