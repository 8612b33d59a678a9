"""`restore --file`: a database, or the records of a collection, from a file of somebody else's."""

import base64
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

from copies import Videos
from holdfast import PROGRAM

USAGE, UNCONFIRMED, DAMAGED, OPEN, UNKNOWN, NOT_FOUND, REJECTED, REFUSED = 2, 4, 23, 35, 38, 43, 65, 80


class RestoreFile(Videos):
    COLUMNS = "video_id TEXT PRIMARY KEY, title TEXT NOT NULL, stats_total INTEGER, slug TEXT UNIQUE"
    MORE = '[databases.users]\nsource = "users.db"'

    def setUp(self):
        super().setUp()
        self.users = self.folder / "users.db"
        self.sql(self.app, "INSERT INTO videos VALUES ('present', 'mine', 1, NULL), ('both', 'mine', 1, 's')")
        self.sql(self.users, "CREATE TABLE user (name TEXT)", "INSERT INTO user VALUES ('now')")

    def video(self, key, title="T", **rest):
        return super().video(key, title, stats={"total": 1}, **rest)

    def exported(self):
        return {key: video["title"] for key, video in json.loads((self.folder / "results.json").read_bytes()).items()}

    def old(self, name="old.db", *statements):
        path = self.folder / name
        self.sql(path, f"CREATE TABLE videos ({self.COLUMNS})", "INSERT INTO videos VALUES ('old', 'O', 1, NULL), ('both', 'O', 1, NULL)", *statements)
        return path

    def untouched(self):
        self.assertEqual({"present": "mine", "both": "mine"}, self.titles())
        self.assertEqual([("now",)], self.sql(self.users, "SELECT name FROM user"))
        return True


class Databases(RestoreFile):
    def test_a_database_file_replaces_the_database_and_can_be_undone(self):
        answer = self.ok_json("restore", "--file", self.old(), "--database", "app", "--yes")
        self.assertEqual({"old": "O", "both": "O"}, self.titles())
        self.assertEqual(self.titles(), self.exported())
        one = answer["databases"][0]
        self.assertEqual(("app", str(self.app), True), (one["name"], one["target"], one["replaces"]))
        self.assertEqual(["before-restore"], self.ok_json("show", one["safety_snapshot"])["tags"])
        self.assertIn("restore", [entry["operation"] for entry in self.ok_json("log")])
        words = one["undo"].split()[1:]
        self.ok(*words, "--yes")
        self.untouched()
        self.assertEqual(self.titles(), self.exported())

    def test_an_archive_of_its_own_brings_back_all_its_databases(self):
        self.ok("backup", "--all")
        self.ok("archive", "latest", "all.tar.gz")
        self.sql(self.app, "DELETE FROM videos")
        self.sql(self.users, "DELETE FROM user")
        self.ok("restore", "--file", "all.tar.gz", "--yes")
        self.untouched()
        self.sql(self.app, "DELETE FROM videos")
        self.sql(self.users, "DELETE FROM user")
        self.ok("restore", "--file", "all.tar.gz", "--database", "users", "--yes")
        self.assertEqual({}, self.titles())
        self.assertEqual([("now",)], self.sql(self.users, "SELECT name FROM user"))

    def test_an_archive_of_the_old_tool_is_told_by_the_names_of_its_files(self):
        path = self.archive("old.tar.gz", ("b/backup_metadata.json", b'{"includes": {"app_database": true}}'),
                            ("b/app.db", self.old().read_bytes()), ("b/users.db", self.users.read_bytes()))
        answer = self.ok_json("restore", "--file", path, "--yes")
        self.assertEqual(["app", "users"], [one["name"] for one in answer["databases"]])
        self.assertEqual({"old": "O", "both": "O"}, self.titles())

    def test_a_dump_becomes_the_database(self):
        dump = "\n".join(sqlite3.connect(self.old()).iterdump())
        self.ok("restore", "--file", self.write("dump.sql", dump), "--database", "app", "--yes")
        self.assertEqual({"old": "O", "both": "O"}, self.titles())

    def test_it_goes_elsewhere_without_touching_anything(self):
        answer = self.ok_json("restore", "--file", self.old(), "--to", "copy.db")
        self.assertIsNone(answer["databases"][0]["undo"])
        self.assertEqual([(2,)], self.sql(self.folder / "copy.db", "SELECT count(*) FROM videos"))
        self.untouched()

    def test_deleted_and_excluded_records_stay_out(self):
        self.ok("delete", "videos", "both")
        path = self.old("old.db", "INSERT INTO videos VALUES ('prize', 'Prizies', 1, NULL)")
        one = self.ok_json("restore", "--file", path, "--database", "app", "--yes")["databases"][0]
        self.assertEqual((1, 1), (one["deleted_rows"], one["excluded_rows"]))
        self.assertEqual({"old": "O"}, self.titles())
        self.expect(62, "put", "videos", self.write("both.json", json.dumps(self.video("both"))))
        self.ok("undelete", "videos", "both")
        self.ok("put", "videos", "both.json")

    def test_what_is_damaged_or_wrong_is_refused_before_anything_happens(self):
        content = bytearray(self.database("broken.db", rows=2000, mode="delete").read_bytes())
        content[len(content) // 2:len(content) // 2 + 5000] = b"\xff" * 5000
        whole = self.archive("whole.tar.gz", ("app.db", self.old().read_bytes()), ("x", os.urandom(90000))).read_bytes()
        corrupt = bytearray(whole)
        corrupt[len(corrupt) // 2] ^= 0xFF
        bad = {
            "broken.db": bytes(content), "cut.tar.gz": whole[:len(whole) // 2], "corrupt.tar.gz": bytes(corrupt),
            "cut.sql": "CREATE TABLE videos (video_id TEXT);\nINSERT INTO videos VAL", "text": "Dear reader", "empty": "",
        }
        for name, text in bad.items():
            error = self.failure(DAMAGED, "restore", "--file", self.write(name, text), "--database", "app", "--yes")
            self.assertEqual("verification_failed", error["code"], name)
            self.assertTrue(self.untouched())
        for hostile in self.hostile_archives(self.old("x.db")):
            self.failure(DAMAGED, "restore", "--file", hostile, "--database", "app", "--yes")
        self.assertEqual([], self.ok_json("snapshots"))
        self.expect_nothing_outside()
        self.untouched()

    def test_what_is_meant_must_be_said(self):
        path = self.old()
        self.failure(USAGE, "restore", "--file", path)
        self.failure(USAGE, "restore", "latest", "--file", path)
        self.failure(USAGE, "restore", "--file", self.app, "--database", "app", "--yes")
        self.failure(NOT_FOUND, "restore", "--file", "nothing", "--database", "app")
        both = self.archive("both.tar.gz", ("app.db", path.read_bytes()), ("users.db", self.users.read_bytes()))
        error = self.failure(UNKNOWN, "restore", "--file", both, "--database", "nobody", "--yes")
        self.assertIn("app, users", error["message"])
        self.failure(UNCONFIRMED, "restore", "--file", path, "--database", "app")
        self.untouched()

    def test_production_data_is_not_replaced_unless_it_is_meant(self):
        path = self.old()
        error = self.failure(REFUSED, "restore", "--file", path, "--database", "app", "--yes", APP_ENV="production")
        self.assertIn("--force-import", error["next"])
        self.untouched()
        self.ok("restore", "--file", path, "--database", "app", "--dry-run", APP_ENV="production")
        self.untouched()
        self.ok("restore", "--file", path, "--database", "app", "--yes", "--force-import", APP_ENV="production")
        self.assertEqual({"old": "O", "both": "O"}, self.titles())

    def test_a_database_that_is_open_is_not_replaced_unless_it_is_meant(self):
        path = self.old()
        holder = subprocess.Popen(
            ["/usr/bin/python3", "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
             "c.execute('SELECT count(*) FROM videos').fetchall(); print('open', flush=True); sys.stdin.read()", self.app],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual("open\n", holder.stdout.readline())
            self.failure(OPEN, "restore", "--file", path, "--database", "app", "--yes")
            self.untouched()
            self.ok("restore", "--file", path, "--database", "app", "--yes", "--while-open")
            self.assertEqual({"old": "O", "both": "O"}, self.titles())
        finally:
            holder.communicate()

    def test_killed_at_any_moment_it_leaves_the_old_database_or_the_new_one(self):
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"HOLDFAST_SEED={seed}", flush=True)
        moments = random.Random(seed)
        path = self.archive("old.tar.gz", ("app.db", self.old().read_bytes()))
        results = self.write("results.json.b64", base64.b64encode(json.dumps({"json": self.video("json")}).encode()))
        allowed = [{"present": "mine", "both": "mine"}, {"old": "O", "both": "O"}, {"json": "T"}]
        for number in range(16):
            words = ["--file", path, "--database", "app"] if number % 2 else ["--file", results]
            process = subprocess.Popen(
                [PROGRAM, "restore", *map(str, words), "--yes"], cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(0, 0.25))  # the moment is the point
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.assertIn(self.titles(), allowed)
            self.assertEqual([("ok",)], self.sql(self.app, "PRAGMA integrity_check"))
        self.ok("restore", "--file", results, "--yes")
        self.assertEqual({"json": "T"}, self.titles())


class Records(RestoreFile):
    def restore(self, path, *words):
        return self.ok_json("restore", "--file", path, "--yes", *words)

    def counts(self, answer):
        return tuple(answer[key] for key in ("inserted", "replaced", "equal", "removed", "deleted", "excluded"))

    def test_the_collection_becomes_what_the_file_holds_and_can_be_undone(self):
        records = {"both": self.video("both", "theirs"), "new": self.video("new")}
        for content in (json.dumps(records), json.dumps(list(records.values())),
                        "".join(json.dumps(one) + "\n" for one in records.values()),
                        base64.b64encode(json.dumps(records).encode())):
            answer = self.restore(self.write("file", content))
            self.assertEqual((1, 1, 0, 1, 0, 0), self.counts(answer))
            self.assertEqual({"both": "theirs", "new": "T"}, self.titles())
            self.assertEqual(self.titles(), self.exported())
            self.assertEqual(["before-restore"], self.ok_json("show", answer["safety_snapshot"])["tags"])
            self.ok(*answer["undo"].split()[1:], "--yes")
            self.untouched()

    def test_what_is_the_same_is_left_alone(self):
        self.ok("export")
        answer = self.restore(self.folder / "results.json")
        self.assertEqual((0, 0, 2, 0, 0, 0), self.counts(answer))

    def test_a_dry_run_says_what_would_be_done(self):
        path = self.write("file", json.dumps({"both": self.video("both", "theirs"), "new": self.video("new")}))
        before = self.app.read_bytes()
        answer = self.ok_json("restore", "--file", path, "--dry-run")
        self.assertEqual((1, 1, 0, 1, 0, 0), self.counts(answer))
        self.assertTrue(answer["dry_run"])
        self.assertEqual(before, self.app.read_bytes())
        self.assertEqual([], self.ok_json("snapshots"))
        self.untouched()

    def test_a_table_of_a_database_file_can_be_taken_alone(self):
        answer = self.restore(self.old(), "--collection", "videos")
        self.assertEqual((1, 1, 0, 1, 0, 0), self.counts(answer))
        self.assertEqual({"old": "O", "both": "O"}, self.titles())

    def test_deleted_and_excluded_records_stay_out(self):
        self.ok("delete", "videos", "both")
        path = self.write("file", json.dumps({"both": self.video("both"), "prize": self.video("prize", "Prizies"),
                                              "new": self.video("new")}))
        answer = self.restore(path)
        self.assertEqual((1, 0, 0, 1, 1, 1), self.counts(answer))
        self.assertEqual({"new": "T"}, self.titles())

    def test_what_was_removed_may_come_back(self):
        self.restore(self.write("file", json.dumps([self.video("new")])))
        self.ok("put", "videos", self.write("present", json.dumps(self.video("present"))))
        self.assertEqual({"new": "T", "present": "T"}, self.titles())

    def test_what_is_damaged_or_does_not_fit_changes_nothing(self):
        whole = json.dumps({"a": self.video("a"), "b": self.video("b")})
        bad = [whole[:-5], base64.b64encode(whole.encode())[:-9], "{}", "[]",
               json.dumps([self.video("a"), self.video("a", "again")]),
               json.dumps([self.video("a"), {"video_id": "b", "nonsense": 1}]), json.dumps([{"title": "no key"}])]
        for content in bad:
            self.failure(DAMAGED, "restore", "--file", self.write("file", content), "--yes")
            self.untouched()
        self.assertEqual([], self.ok_json("snapshots"))

    def test_one_record_that_the_table_refuses_leaves_all_as_it_was(self):
        for content in ([self.video("a"), {"video_id": "b"}],
                        [self.video("a", slug="x"), self.video("b", slug="x")]):
            self.failure(REJECTED, "restore", "--file", self.write("file", json.dumps(content)), "--yes")
            self.untouched()

    def test_production_data_is_not_replaced_unless_it_is_meant(self):
        path = self.write("file", json.dumps([self.video("new")]))
        self.failure(REFUSED, "restore", "--file", path, "--yes", APP_ENV="production")
        self.untouched()
        self.failure(UNCONFIRMED, "restore", "--file", path, "--force-import", APP_ENV="production")
        self.untouched()
        self.restore(path, "--force-import")
        self.assertEqual({"new": "T"}, self.titles())

    def test_without_a_repository_the_records_are_copied_first(self):
        path = self.write("file", json.dumps([self.video("new")]))
        answer = self.ok_json("restore", "--file", path, "--yes", HOLDFAST_REPO=None)
        self.assertIsNone(answer["safety_snapshot"])
        self.assertIn("before_restore_videos_", answer["safety_copy"])
        self.ok(*answer["undo"].split()[1:], "--yes", HOLDFAST_REPO=None)
        self.untouched()

    def test_what_waits_in_the_spool_comes_first(self):
        hidden = self.folder / "hidden.db"
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(f"{self.app}{suffix}"):
                os.rename(f"{self.app}{suffix}", f"{hidden}{suffix}")
        self.expect(60, "put", "videos", self.write("waiting", json.dumps(self.video("waiting"))))
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(f"{hidden}{suffix}"):
                os.rename(f"{hidden}{suffix}", f"{self.app}{suffix}")
        answer = self.restore(self.write("file", json.dumps([self.video("new")])))
        self.assertEqual({"new": "T"}, self.titles())
        self.assertEqual(3, answer["removed"])
        self.ok(*answer["undo"].split()[1:], "--yes")
        self.assertIn("waiting", self.titles())

    def test_many_records_are_one_transaction_and_come_back_bit_for_bit(self):
        generator = random.Random(7)
        records = {f"v{number}": self.video(f"v{number}", "".join(generator.choices("abcäß€ \n\"\\", k=50)))
                   for number in range(3000)}
        self.restore(self.write("file", base64.b64encode(json.dumps(records).encode())))
        rows = self.sql(self.app, "SELECT video_id, title FROM videos")
        self.assertEqual({key: video["title"] for key, video in records.items()}, dict(rows))
        digest = hashlib.sha256((self.folder / "results.json").read_bytes()).hexdigest()
        self.restore(self.write("again", json.dumps(list(records.values()))))
        self.assertEqual(digest, hashlib.sha256((self.folder / "results.json").read_bytes()).hexdigest())
