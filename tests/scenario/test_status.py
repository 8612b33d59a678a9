"""`holdfast status` and `holdfast doctor`: what is said is what is."""

import contextlib
import os
import sqlite3
import unittest

from follower import Follower
from holdfast import Outages, Scenario


class Status(Scenario):
    def setUp(self):
        super().setUp()
        self.init()

    def of_app(self, status, *words):
        return self.expect(status, "status", *words, "--json").json[0]

    def test_tells_of_a_database_that_was_never_saved(self):
        path = self.database()
        found = self.of_app(6, path)
        self.assertFalse(found["healthy"])
        self.assertIn("no snapshot", found["problems"][0])

    def test_tells_the_last_snapshot(self):
        path = self.database()
        snapshot = self.ok_json("backup", path)["snapshot"]
        found = self.of_app(0, path)
        self.assertEqual(snapshot, found["last_snapshot"]["id"])
        self.assertIsNone(found["replicator"])
        self.assertIsNone(found["last_proof"])

    def test_tells_the_replicator_at_work_and_then_that_it_is_gone(self):
        path = self.database()
        follower = Follower(self, path)
        follower.wait_until_following()
        found = self.of_app(0, path)
        self.assertEqual("following", found["replicator"]["phase"])
        self.assertEqual(follower.process.pid, found["replicator"]["pid"])
        self.assertEqual(follower.process.pid, found["lease"]["pid"])
        self.assertTrue(found["lease"]["holder_alive"])
        self.assertEqual(0, found["lag_seconds"])
        follower.kill()
        found = self.of_app(0, path)
        self.assertIsNone(found["replicator"])
        self.assertFalse(found["lease"]["holder_alive"])

    def test_tells_that_the_store_is_away(self):
        path = self.database()
        self.ok("backup", path)
        Outages(self).begin()
        found = self.of_app(6, path)
        self.assertFalse(found["store_reachable"])
        self.assertIn("does not answer", found["problems"][0])

    def test_tells_that_the_database_is_gone(self):
        path = self.database()
        self.ok("backup", path)
        path.unlink()
        self.assertIn("no database at", self.of_app(6, path)["problems"][0])

    def test_tells_people_the_same(self):
        path = self.database()
        self.ok("backup", path)
        answer = self.ok("status", path)
        self.assertIn("app: healthy", answer.out)
        self.assertIn("never", answer.out)

    def test_doctor_finds_a_file_that_is_no_database(self):
        path = self.folder / "app.db"
        path.write_text("this is not a database, but a text of some length" * 100, encoding="utf-8")
        findings = self.expect(6, "doctor", path, "--json").json
        self.assertTrue(any(one["harmful"] and one["subject"] == "database app" for one in findings))

    def test_doctor_warns_of_one_disk_for_both(self):
        self.only_in_a_folder("a store is on no disk of this machine")
        path = self.database()
        findings = self.expect(3, "doctor", path, "--json").json
        self.assertTrue(any("same storage" in one["text"] for one in findings))

    def test_doctor_warns_of_a_sqlite_that_can_damage_a_log(self):
        path = self.database()
        with contextlib.closing(sqlite3.connect(path)) as open_here:
            open_here.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            findings = self.expect(3, "doctor", path, "--json").json
        version = sqlite3.sqlite_version_info
        repaired = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
        affected = version >= (3, 7) and not repaired
        told = [one["text"] for one in findings if "WAL-reset bug" in one["text"]]
        self.assertEqual(affected, any(f"uses SQLite {sqlite3.sqlite_version}" in text for text in told))
        self.assertEqual(affected, any(f"(pid {os.getpid()})" in text for text in told))

    def test_doctor_does_not_warn_of_it_without_a_log(self):
        path = self.database(mode="delete")
        one_disk = 0 if self.gateway else 3
        findings = self.expect(one_disk, "doctor", path, "--json").json
        self.assertFalse(any("WAL-reset" in one["text"] for one in findings))


if __name__ == "__main__":
    unittest.main()
