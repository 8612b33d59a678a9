"""Machines that can back up and not read: write-only keys, what they send, and how it is taken in."""

import shutil
import subprocess
import time
import unittest

from follower import Follower
from holdfast import ROOT, Scenario
from program import PYTHON

MACHINE = "only web knows this"


class WriteOnly(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        answer = self.ok_json("key", "add", "--write-only", "--machine", "web", HOLDFAST_NEW_PASSPHRASE=MACHINE)
        self.key = answer["added"]["id"]

    def as_machine(self):
        """What the machine has instead of the passphrase; its cache is its own."""
        return {"HOLDFAST_PASSPHRASE": MACHINE, "HOLDFAST_CACHE_DIR": str(self.folder / "cache of web")}

    def send(self, *words, **variables):
        answer = self.backup(*words, **{**self.as_machine(), **variables})
        self.assertTrue(answer["sealed"])
        return answer

    def restored(self, snapshot="latest"):
        target = self.folder / "restored.db"
        self.ok("restore", snapshot, "--to", target, "--yes")
        return self.content(target)

    def objects(self, prefix=""):
        root = self.repository / prefix
        return sorted(str(path.relative_to(self.repository)) for path in root.rglob("*") if path.is_file())

    def test_what_a_machine_sends_comes_back(self):
        path = self.database(rows=20000)
        first, sent = self.content(path), self.send()
        self.assertEqual([], self.snapshot_ids())
        warned = self.ok("snapshots").err
        self.assertIn("1 backup of web waits to be taken in", warned)
        adopted = self.ok_json("adopt")
        self.assertEqual([sent["snapshot"]], [one["id"] for one in adopted["adopted"]])
        self.assertEqual("web", adopted["adopted"][0]["host"])
        self.assertEqual(first, self.restored(sent["snapshot"]))
        self.ok("verify", "--all", "--read-data")
        self.assertEqual(0, len(self.objects("sealed")))

    def test_only_what_changed_is_sent_again(self):
        path = self.database(rows=50000)
        whole = self.send()["bytes_stored"]
        self.sql(path, "UPDATE item SET text = 'changed' WHERE id = 20000")
        waiting = self.send()["bytes_stored"]
        self.ok("adopt")
        self.sql(path, "UPDATE item SET text = 'changed' WHERE id = 30000")
        taken_in = self.send()["bytes_stored"]
        self.assertLess(waiting, whole / 50)
        self.assertLess(taken_in, whole / 50)
        self.assertEqual(self.content(path), self.restored())
        self.ok("verify", "--all", "--read-data")

    def read_independently(self, *words):
        done = subprocess.run([PYTHON, ROOT / "tests" / "format" / "read_sealed.py", self.repository, *words],
                              env=self.environment, text=True, capture_output=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def test_the_document_is_enough_to_read_what_waits(self):
        path = self.database(rows=20000)
        whole = self.send()["snapshot"]
        self.read_independently("restore", whole, "app", self.folder / "whole.db")
        self.assertEqual(path.read_bytes(), (self.folder / "whole.db").read_bytes())
        self.ok("adopt")
        self.sql(path, "UPDATE item SET text = 'changed' WHERE id % 1000 = 0")
        changed = self.send()["snapshot"]
        self.sql(path, "DELETE FROM item WHERE id > 9000", "VACUUM")
        self.assertIn(f'"snapshot": "{whole}"', self.read_independently("list"))
        self.ok("adopt")
        self.assertEqual("", self.read_independently("list"))
        shrunk = self.send()["snapshot"]
        self.read_independently("restore", shrunk, "app", self.folder / "shrunk.db")
        self.assertEqual(path.read_bytes(), (self.folder / "shrunk.db").read_bytes())
        self.assertNotEqual(changed, shrunk)

    def test_without_its_cache_everything_is_sent(self):
        path = self.database(rows=20000)
        whole = self.send()["bytes_stored"]
        self.ok("adopt")
        shutil.rmtree(self.folder / "cache of web")
        self.assertGreater(self.send()["bytes_stored"], whole * 0.9)
        self.assertEqual(self.content(path), self.restored())

    def test_a_restore_misses_nothing_that_waits(self):
        path = self.database(rows=1000)
        self.send()
        self.assertEqual(self.content(path), self.restored())

    def waiting(self, sealed):
        return [(one["machine"], one["waiting"], one["refused"]) for one in sealed]

    def test_a_comparison_a_proof_and_a_moment_miss_nothing_that_waits(self):
        path = self.database(rows=1000)
        self.send()
        verified = self.ok_json("verify", "--all", "--read-data")
        self.assertEqual((1, []), (len(verified["snapshots"]), verified["sealed"]))
        self.sql(path, "UPDATE item SET text = 'changed' WHERE id = 5")
        self.send()
        self.assertIn("No differences", self.ok("diff", "latest", "app.db").out)
        self.sql(path, "UPDATE item SET text = 'again' WHERE id = 5")
        third = self.send()["snapshot"]
        told = self.failure(19, "restore", "--at", "now", "--database", "app", "--to", self.folder / "x.db")
        self.assertIn(third[:8], told["message"])
        self.assertEqual(3, len(self.snapshot_ids()))

    def test_files_are_compared_without_taking_anything_in(self):
        self.database("a.db"), self.database("b.db")
        self.send("a.db")
        self.run_program("diff", "a.db", "b.db")
        self.assertEqual([], self.snapshot_ids())

    def test_who_only_looks_says_what_waits(self):
        self.database()
        self.send()
        self.ok("adopt")
        self.send()
        one = [("web", 1, 0)]
        for words in (["show", "latest"], ["stats"], ["timeline", "app"], ["forget", "--keep-last", "1", "--dry-run"],
                      ["prune", "--dry-run"]):
            with self.subTest(" ".join(words)):
                self.assertEqual(one, self.waiting(self.ok_json(*words)["sealed"]))
                self.assertIn("1 backup of web waits to be taken in", self.ok(*words).err)
        guarded = self.ok("guard", "app.db", "--json")
        self.assertEqual(one, self.waiting(guarded.json[0]["sealed"]))
        self.assertIn("1 backup of web waits to be taken in", guarded.err)
        self.assertEqual(1, len(self.snapshot_ids()))

    def test_who_may_not_write_is_told_that_something_waits(self):
        self.only_in_a_folder("what cannot be written there is made so by a file in the place of a folder")
        self.database()
        self.send()
        shutil.rmtree(self.repository / "intents", ignore_errors=True)
        (self.repository / "intents").write_bytes(b"")
        verified = self.ok("verify", "--all", "--json")
        self.assertIn("was not taken in", verified.err)
        self.assertEqual([], verified.json["snapshots"])

    def configured(self, more=""):
        self.configure(f'[databases.app]\nsource = "app.db"\n{more}')

    def test_a_guard_takes_in_what_brings_a_database_back(self):
        self.configured()
        path = self.database(rows=1000)
        content = self.content(path)
        self.send("app")
        self.ok("guard", "--fix")
        self.assertEqual([], self.snapshot_ids())  # it is served as it is
        path.unlink()
        self.ok("guard", "--fix")
        self.assertEqual(content, self.content(path))

    def test_an_application_starts_on_what_waited(self):
        self.configured()
        path = self.database(rows=1000)
        content = self.content(path)
        self.send("app")
        path.unlink()
        self.ok("run", "--", "cp", "app.db", "seen.db")
        self.assertEqual(content, self.content(self.folder / "seen.db"))

    def test_an_application_starts_on_files_of_a_pattern_that_waited(self):
        (self.folder / "tenants").mkdir()
        self.configure('[databases.tenants]\nsource = "tenants/*.db"\n')
        path = self.database("tenants/one.db", rows=100)
        content = self.content(path)
        self.send("--all")
        path.unlink()
        self.ok("run", "--", "true")
        self.assertEqual(content, self.content(path))

    def wait_until(self, condition, what):
        deadline = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.1)

    def test_replication_takes_in_what_comes(self):
        self.configured('[replication]\nadopt_every = "1s"\n')
        self.database("web.db")
        self.send("web.db")
        self.database()
        follower = Follower(self, "app")
        self.wait_until(lambda: self.objects("sealed") == [], "what waited is not taken in")
        follower.wait_until_following()
        self.sql(self.folder / "web.db", "UPDATE item SET text = 'changed'")
        sent = self.send("web.db")["snapshot"]  # while nothing happens to what is replicated
        self.wait_until(lambda: self.objects("sealed") == [], "what came is not taken in")
        self.assertEqual(0, follower.end())
        self.assertIn(sent, self.snapshot_ids())
        self.assertTrue(any(f"backup {sent[:8]} of web is taken in" in line for line in follower.said), follower.said)

    def test_replication_can_leave_it_alone(self):
        self.configured('[replication]\nadopt_every = "off"\n')
        self.database("web.db")
        self.send("web.db")
        self.database()
        follower = Follower(self, "app")
        follower.wait_until_following()
        self.sql(self.folder / "app.db", "UPDATE item SET text = 'changed'")
        follower.wait_for_number(2)
        self.assertEqual(0, follower.end())
        self.assertNotEqual([], self.objects("sealed"))

    def test_forget_and_prune_miss_nothing_that_waits(self):
        path = self.database(rows=5000)
        for number in range(3):
            self.sql(path, f"UPDATE item SET text = 'x{number}'")
            self.send()
        self.ok("forget", "--keep-last", "1", "--prune", "--yes")
        self.assertEqual(1, len(self.snapshot_ids()))
        self.sql(path, "UPDATE item SET text = 'last' WHERE id = 5")
        self.send()
        self.ok("prune")
        self.assertEqual(2, len(self.snapshot_ids()))
        self.assertEqual(self.content(path), self.restored())
        self.ok("verify", "--all", "--read-data")

    def test_what_was_forgotten_is_no_longer_built_on(self):
        path = self.database(rows=20000)
        whole = self.send()["bytes_stored"]
        self.ok("adopt")
        self.ok("forget", "latest", "--yes", "--prune")
        self.sql(path, "UPDATE item SET text = 'changed' WHERE id = 5")
        self.assertGreater(self.send()["bytes_stored"], whole * 0.9)
        self.assertEqual(self.content(path), self.restored())

    def test_several_databases_of_one_moment(self):
        one, two = self.database("one.db", rows=2000), self.database("two.db", rows=3000)
        self.send("one.db", "two.db")
        self.sql(two, "DELETE FROM item WHERE id > 10", "VACUUM")
        sent = self.send("one.db", "two.db")
        (self.folder / "back").mkdir()
        self.ok("restore", sent["snapshot"], "--to", self.folder / "back")
        self.assertEqual(self.content(one), self.content(self.folder / "back" / "one.db"))
        self.assertEqual(self.content(two), self.content(self.folder / "back" / "two.db"))

    def test_everything_else_is_refused(self):
        self.database()
        self.backup("app.db", "--name", "first")
        commands = [
            ["snapshots"], ["show", "latest"], ["stats"], ["log"], ["verify"], ["restore", "latest", "--to", "x.db"],
            ["archive", "latest", "x.tar.gz"], ["diff", "latest", "app.db"], ["timeline", "app.db"],
            ["mark", "now", "app.db"], ["drill", "app"], ["forget", "latest", "--yes"], ["prune"],
            ["adopt"], ["key", "list"], ["key", "add"], ["key", "remove", self.key[:8]], ["key", "change"],
            ["key", "recovery"], ["status", "app.db"], ["doctor", "app.db"], ["replicate", "app.db"],
            ["run", "--database", "app.db", "--", "true"], ["backup", "app.db", "--keep-last", "1"],
        ]
        before = self.objects()
        for words in commands:
            with self.subTest(" ".join(words)):
                variables = {**self.as_machine(), "HOLDFAST_NEW_PASSPHRASE": "another"}
                answer = self.run_program(*words, *([] if words[0] == "run" else ["--json"]), **variables)
                self.assertEqual(85, answer.status, answer)
                self.assertIn("write_only_key" if words[0] != "run" else "write-only key", answer.out + answer.err)
        self.assertEqual(before, self.objects())
        self.assertFalse((self.folder / "x.db").exists())

    def test_a_key_of_a_machine_is_listed_and_is_not_the_last_key(self):
        kinds = {key["kind"]: key for key in self.ok_json("key", "list")}
        self.assertEqual("web", kinds["write-only"]["label"])
        self.ok("key", "remove", kinds["recovery"]["id"][:8])
        self.failure(17, "key", "remove", kinds["passphrase"]["id"][:8])

    def test_a_removed_key_sends_nothing_and_what_it_sent_is_refused(self):
        self.database()
        self.send()
        self.ok("key", "remove", self.key[:8])
        self.failure(13, "backup", "app.db", **self.as_machine())
        refused = self.expect(3, "adopt", "--json").json["refused"]
        self.assertEqual(["its key was removed"], [one["why"] for one in refused])
        self.failure(4, "adopt", "--discard")
        self.assertEqual(1, self.ok_json("adopt", "--discard", "--yes")["discarded"])
        self.assertEqual([], self.objects("sealed"))
        self.assertEqual([], self.snapshot_ids())

    def test_a_damaged_backup_stops_nothing_and_the_next_one_is_whole(self):
        path = self.database(rows=3000)
        sent = self.send()
        pack = next((self.repository / "sealed" / self.key / sent["snapshot"] / "packs").iterdir())
        content = bytearray(pack.read_bytes())
        content[100] ^= 1
        pack.write_bytes(content)
        self.assertIn("not taken in", self.ok("prune").err)
        self.assertEqual([], self.snapshot_ids())
        self.assertIn("refused", self.ok("snapshots").err)
        again = self.run_program("backup", "app.db", **self.as_machine())
        self.assertIn("could not be taken into the repository", again.err)
        self.assertEqual(self.content(path), self.restored())

    def test_a_database_that_another_host_has_is_refused(self):
        self.database()
        self.backup()
        self.send()
        why = self.expect(3, "adopt", "--json").json["refused"][0]["why"]
        self.assertRegex(why, "app is a database of .*, not of web")
        self.assertEqual(1, len(self.snapshot_ids()))

    def test_status_tells_what_waits(self):
        self.database()
        self.send()
        sealed = self.run_program("status", "app.db", "--json").json[0]["sealed"]
        self.assertEqual([("web", 1, 0)], [(one["machine"], one["waiting"], one["refused"]) for one in sealed])

    def test_a_key_needs_a_machine_and_an_encrypted_repository(self):
        self.failure(2, "key", "add", "--write-only", HOLDFAST_NEW_PASSPHRASE="x")
        self.failure(2, "key", "add", "--machine", "web", HOLDFAST_NEW_PASSPHRASE="x")
        place = str(self.folder / "open")
        self.ok("init", "--no-encryption", HOLDFAST_REPO=place, HOLDFAST_PASSPHRASE=None)
        self.failure(46, "key", "add", "--write-only", "--machine", "web", HOLDFAST_REPO=place,
                     HOLDFAST_PASSPHRASE=None, HOLDFAST_NEW_PASSPHRASE="x")


if __name__ == "__main__":
    unittest.main()
