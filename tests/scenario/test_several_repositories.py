"""Several copies of one history: made, brought up to date, watched, and used when the first one cannot help."""

import time
import unittest

from follower import Follower
from holdfast import Scenario

CONFIGURATION = """
[[repository]]
name = "here"
place = "{here}"
[[repository]]
name = "offsite"
place = "{offsite}"
{more}
[databases.app]
source = "app.db"
"""


class Copies(Scenario):
    def setUp(self):
        super().setUp()
        del self.environment["HOLDFAST_REPO"]
        self.here, self.offsite = self.new_place("here"), self.new_place("offsite")
        self.describe()

    def describe(self, more=""):
        self.configure(CONFIGURATION.format(here=self.here, offsite=self.offsite, more=more))

    def copy(self, *words):
        return self.ok_json("copy", *words)["copies"][0]

    def restored(self, *words):
        path = self.folder / "restored.db"
        path.unlink(missing_ok=True)
        self.ok("restore", *words, "--to", path, "--yes")
        return self.content(path)

    def damage(self, place):
        """Every pack of it: a bit here and there."""
        for pack in (place / "packs").iterdir():
            pack.chmod(0o600)
            content = bytearray(pack.read_bytes())
            for at in range(8, len(content), 500):
                content[at] ^= 4
            pack.write_bytes(content)

    def prepared(self):
        self.init()
        path = self.database()
        self.backup()
        self.copy()
        return path, self.content(path)


class Making(Copies):
    def test_init_makes_all_that_are_configured(self):
        made = self.init()
        self.assertEqual(str(self.here), made["repository"])
        self.assertEqual([str(self.offsite)], [copy["repository"] for copy in made["copies"]])
        self.assertNotEqual(made["id"], made["copies"][0]["id"])
        self.assertNotEqual(made["recovery_code"], made["copies"][0]["recovery_code"])
        self.failure(11, "init")

    def test_a_copy_that_is_configured_later_is_made_then(self):
        self.init("--repo", "here")
        self.assertFalse(self.offsite.exists())
        made = self.init()
        self.assertEqual(str(self.offsite), made["repository"])
        self.failure(11, "init")

    def test_the_recovery_code_of_a_copy_opens_it(self):
        code = self.init()["copies"][0]["recovery_code"]
        self.ok("snapshots", "--repo", "offsite", HOLDFAST_PASSPHRASE=code)
        self.expect(13, "snapshots", "--repo", "here", HOLDFAST_PASSPHRASE=code)

    def test_the_copy_of_an_encrypted_repository_is_encrypted(self):
        self.init("--repo", "here")
        self.assertTrue(self.init()["encrypted"])

    def test_without_encryption_all_are_without(self):
        made = self.ok_json("init", "--no-encryption", HOLDFAST_PASSPHRASE=None)
        self.assertFalse(made["encrypted"])
        self.assertFalse(made["copies"][0]["encrypted"])

    def test_a_lost_first_one_is_made_again_from_its_copy(self):
        _, content = self.prepared()
        self.remove_all(self.here)
        self.init()
        back = self.ok_json("copy", "--repo", "offsite", "--to", "here")["copies"][0]
        self.assertEqual(1, back["snapshots"])
        self.remove_all(self.offsite)
        self.assertEqual(content, self.restored("latest"))


class Copying(Copies):
    def test_a_copy_has_every_snapshot_and_is_whole(self):
        path, first = self.prepared()
        self.sql(path, "DELETE FROM item WHERE id % 3 = 0")
        self.backup()
        second = self.content(path)
        self.assertEqual(1, self.copy()["snapshots"])
        self.ok("verify", "--read-data", "--repo", "offsite")
        self.assertEqual(self.snapshot_ids("--repo", "here"), self.snapshot_ids("--repo", "offsite"))
        self.remove_all(self.here)
        self.assertEqual(second, self.restored("latest", "--repo", "offsite"))
        self.assertEqual(first, self.restored("--index", "2", "--repo", "offsite"))

    def test_the_second_time_nothing_is_left_to_do(self):
        self.prepared()
        again = self.copy()
        self.assertTrue(again["complete"])
        self.assertEqual((0, 0, 0), (again["snapshots"], again["bytes_read"], again["bytes_stored"]))
        self.assertIn("up to date", self.ok("copy").out)

    def test_a_dry_run_says_what_would_be_copied(self):
        self.init()
        self.database()
        self.backup()
        self.assertEqual(1, self.copy("--dry-run")["snapshots"])
        self.assertEqual([], self.snapshot_ids("--repo", "offsite"))

    def test_what_the_copy_has_forgotten_does_not_come_back(self):
        self.describe(more="keep = { last = 1 }")
        self.init()
        path = self.database()
        for _ in range(3):
            self.sql(path, "INSERT INTO item (text) VALUES ('more')")
            newest = self.backup()["snapshot"]
        self.copy()
        self.assertEqual([newest], self.snapshot_ids("--repo", "offsite"))
        self.assertEqual(0, self.copy()["snapshots"])

    def test_what_the_first_one_forgets_stays_in_the_copy(self):
        path, _ = self.prepared()
        self.sql(path, "INSERT INTO item (text) VALUES ('more')")
        self.backup()
        self.ok("forget", "--keep-last", "1", "--prune", "--yes")
        self.copy()
        self.assertEqual(1, len(self.snapshot_ids("--repo", "here")))
        self.assertEqual(2, len(self.snapshot_ids("--repo", "offsite")))

    def test_a_copy_that_is_away_is_told(self):
        self.init()
        self.database()
        self.backup()
        self.remove_all(self.offsite)
        self.failure(10, "copy")

    def test_damage_of_the_first_one_is_named_and_not_copied(self):
        self.init()
        self.database()
        self.backup()
        self.damage(self.here)
        answer = self.expect(3, "copy", "--json").json["copies"][0]
        self.assertFalse(answer["complete"])
        self.assertIn("snapshot", answer["failures"][0]["what"])
        self.assertEqual([], self.snapshot_ids("--repo", "offsite"))

    def test_unknown_names_are_refused(self):
        self.init()
        self.assertIn("offsite", self.failure(2, "copy", "--to", "elsewhere")["next"])

    def test_one_repository_has_no_copies(self):
        self.configure(f'repository = "{self.here}"\n')
        self.init()
        self.failure(2, "copy")


class WithKeysOfTheirOwn(Copies):
    def setUp(self):
        super().setUp()
        self.environment["HOLDFAST_PASSPHRASE_OFFSITE"] = "another horse"

    def test_a_copy_is_encrypted_anew(self):
        self.init("--repo", "here")
        self.init("--repo", "offsite", "--own-key")
        path = self.database(rows=20_000)
        self.backup()
        first = self.content(path)
        self.assertEqual(1, self.copy()["snapshots"])
        self.sql(path, "UPDATE item SET text = 'changed' WHERE id = 77")
        self.backup()
        second = self.content(path)
        again = self.copy()
        self.assertEqual(1, again["snapshots"])
        self.assertLess(again["bytes_read"], 600_000)
        self.remove_all(self.here)
        self.ok("verify", "--read-data", "--repo", "offsite")
        self.assertEqual(second, self.restored("latest", "--repo", "offsite"))
        self.assertEqual(first, self.restored("--index", "2", "--repo", "offsite"))
        self.expect(13, "snapshots", "--repo", "offsite", HOLDFAST_PASSPHRASE_OFFSITE=None)

    def test_a_wrong_passphrase_of_the_copy_is_told(self):
        self.init()
        self.database()
        self.backup()
        self.environment["HOLDFAST_PASSPHRASE_OFFSITE"] = "wrong"
        self.failure(13, "copy")


class WhenTheFirstCannotHelp(Copies):
    def test_a_restore_goes_to_the_copy_and_says_so(self):
        _, content = self.prepared()
        for broken in (self.damage, self.remove_all):
            broken(self.here)
            path = self.folder / "restored.db"
            path.unlink(missing_ok=True)
            answer = self.ok("restore", "latest", "--to", path)
            self.assertIn("going to the copy offsite", answer.err)
            self.assertEqual(content, self.content(path))

    def test_where_no_copy_helps_the_first_trouble_is_told(self):
        self.prepared()
        self.damage(self.here)
        self.damage(self.offsite)
        path = self.folder / "restored.db"
        error = self.failure(20, "restore", "latest", "--to", path)
        self.assertIn("nor can any of its copies", error["message"])
        self.assertFalse(path.exists())

    def wipe(self):
        for file in self.folder.glob("app.db*"):
            file.unlink()

    def test_an_application_starts_on_what_the_copy_has(self):
        path, content = self.prepared()
        for broken in (self.damage, self.remove_all):
            with self.subTest(broken.__name__):
                broken(self.here)
                self.wipe()
                answer = self.ok("run", "--", "sh", "-c", "test -s app.db")
                self.assertIn("copy offsite", answer.err)
                self.assertEqual(content, self.content(path))

    def test_a_guard_prefers_the_newest_state_of_a_copy_to_an_older_one(self):
        path, _ = self.prepared()
        packs = set((self.here / "packs").iterdir())
        self.sql(path, "UPDATE item SET text = hex(randomblob(50))")
        self.backup()
        self.copy()
        content = self.content(path)
        for pack in set((self.here / "packs").iterdir()) - packs:
            pack.unlink()
        self.wipe()
        self.assertIn("is taken from a copy of the repository", self.ok("guard", "--fix").err)
        self.assertEqual(content, self.content(path))

    def test_an_older_state_is_served_where_the_copy_is_behind(self):
        path, content = self.prepared()
        packs = set((self.here / "packs").iterdir())
        self.sql(path, "UPDATE item SET text = hex(randomblob(50))")
        self.backup()
        for pack in set((self.here / "packs").iterdir()) - packs:
            pack.unlink()
        self.wipe()
        self.assertIn("does not have it", self.ok("guard", "--fix").err)
        self.assertEqual(content, self.content(path))


class Watching(Copies):
    def of_app(self, status):
        return self.expect(status, "status", "--json").json[0]

    def test_status_tells_the_age_of_every_copy(self):
        path, _ = self.prepared()
        copy = self.of_app(0)["copies"][0]
        self.assertEqual(("offsite", True, 0), (copy["name"], copy["reachable"], copy["behind_seconds"]))
        time.sleep(0.01)
        self.sql(path, "INSERT INTO item (text) VALUES ('more')")
        self.backup()
        self.assertGreater(self.of_app(0)["copies"][0]["behind_seconds"], 0)
        self.assertIn("behind", self.ok("status").out)

    def test_a_copy_without_anything_is_not_healthy(self):
        self.init()
        self.database()
        self.backup()
        self.assertIn("offsite has nothing", self.of_app(6)["problems"][0])

    def test_a_copy_that_is_away_is_not_healthy(self):
        self.prepared()
        self.remove_all(self.offsite)
        found = self.of_app(6)
        self.assertFalse(found["copies"][0]["reachable"])
        self.assertIn("offsite cannot be read", found["problems"][0])

    def test_replication_keeps_copies_up_to_date(self):
        self.describe(more='copy_every = "1s"')
        self.init()
        path = self.database()
        follower = Follower(self, path)
        follower.wait_until_following()
        self.sql(path, "INSERT INTO item (text) VALUES ('followed')")
        content = self.content(path)
        deadline = time.monotonic() + 60
        # Until there is something of it in the copy, it is not healthy.
        while (self.run_program("status", "--json").json[0]["copies"][0]["newest"] is None
               or self.positions("offsite") < self.positions("here")):
            self.assertLess(time.monotonic(), deadline, "the copy does not follow")
            time.sleep(0.1)
        self.of_app(0)
        newest = self.ok_json("timeline", "app", "--repo", "offsite")
        follower.kill()
        self.remove_all(self.here)
        self.assertTrue(newest["rows"])
        self.assertEqual(content, self.restored("--at", "now", "--database", "app", "--repo", "offsite"))

    def positions(self, name):
        return len(list({"here": self.here, "offsite": self.offsite}[name].glob("timelines/*/s/*")))


if __name__ == "__main__":
    unittest.main()
