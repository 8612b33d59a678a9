"""`holdfast import`: what older tools have left, brought into a collection."""

import base64
import json
import random
import sqlite3

from copies import Videos

WARNED, REFUSED = 3, 80


class Imports(Videos):
    def setUp(self):
        super().setUp()
        self.sql(self.app, "INSERT INTO videos VALUES ('present', 'as it is', 1), ('gone', 'x', 2)")
        self.ok("delete", "videos", "gone")

    def video(self, key, title="T", total=None):
        return super().video(key, title, stats={"total": total})

    def rows(self):
        return {row[0]: row[1:] for row in self.sql(self.app, "SELECT * FROM videos")}

    def test_what_the_database_has_wins_and_what_was_deleted_or_is_excluded_stays_out(self):
        records = {key: self.video(key, total=2**53 + 1) for key in ("present", "gone", "a", "b")}
        records["prizies"] = self.video("prizies", "Prizies")
        file = self.write("backup", base64.b64encode(json.dumps(records).encode()))
        planned = self.ok_json("import", file, "--dry-run")
        self.assertEqual((True, 1, 1), (planned["dry_run"], planned["deleted"], planned["kept"]))
        self.assertEqual({"present"}, set(self.rows()))
        answer = self.ok_json("import", file)
        self.assertEqual((2, 1, 1, 1, 0), tuple(answer[key] for key in ("inserted", "kept", "deleted", "excluded", "refused")))
        self.assertEqual({"present": ("as it is", 1), "a": ("T", 2**53 + 1), "b": ("T", 2**53 + 1)}, self.rows())
        # A way back, and the export that shows it.
        self.assertEqual(["before-restore"], self.ok_json("show", answer["safety_snapshot"])["tags"])
        self.assertEqual({"present", "a", "b"}, set(json.loads((self.folder / "results.json").read_bytes())))
        file = self.write("again", json.dumps({key: self.video(key, total=2**53 + 1) for key in ("a", "b")}))
        again = self.ok_json("import", file)
        self.assertEqual((0, 2, None), (again["inserted"], again["equal"], again["safety_snapshot"]))

    def test_every_format_is_told_by_its_content(self):
        old = self.folder / "old"
        self.sql(old, "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT)",
                 "INSERT INTO videos VALUES ('sqlite', 'S')")
        dump = "\n".join(sqlite3.connect(old).iterdump()).replace("'sqlite'", "'dump'")
        self.sql(self.folder / "other", "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT)",
                 "INSERT INTO videos VALUES ('archive', 'A')")
        metadata = json.dumps({"backup_name": "x", "version": "1.0"})
        archive = self.archive("archive", ("backup/app.db", (self.folder / "other").read_bytes()),
                               ("backup/backup_metadata.json", metadata.encode()))
        files = [
            old, self.write("dump", dump), archive,
            self.write("object", json.dumps({"yt:object": {"title": "O"}})),
            self.write("record", json.dumps(self.video("record"), indent=2)),
            self.write("array", json.dumps([self.video("array")])),
            self.write("lines", "".join(json.dumps(self.video(key)) + "\n" for key in ("l1", "l2"))),
            self.write("encoded", base64.b64encode(json.dumps(self.video("encoded")).encode())),
        ]
        answer = self.ok_json("import", *files)
        self.assertEqual({"present", "sqlite", "dump", "archive", "object", "record", "array", "l1", "l2", "encoded"},
                         set(self.rows()))
        self.assertEqual(["SQLite database", "SQL dump", "archive", "JSON object", "JSON record", "JSON array",
                          "JSON Lines", "JSON record"], [file["format"] for file in answer["files"]])

    def test_damaged_files_are_named_and_the_rest_is_taken(self):
        whole = json.dumps({key: self.video(key) for key in ("a", "b", "c")})
        cut = self.write("cut", whole[:-20])
        bad = self.write("bad", json.dumps({"d": self.video("d"), "e": {"video_id": "e", "nonsense": 1}}))
        empty = self.write("empty", "")
        answer = self.expect(WARNED, "import", cut, bad, empty, "--json").json
        self.assertEqual({"present", "a", "b", "d"}, set(self.rows()))
        self.assertEqual(["damaged", "intact", "damaged"], [file["state"] for file in answer["files"]])
        self.assertEqual([0, 1, 0], [file["unfit"] for file in answer["files"]])
        self.assertIn("cut off", answer["files"][0]["reasons"][0])
        self.assertIn("nonsense", answer["files"][1]["reasons"][0])

    def test_what_is_before_the_damage_of_a_packed_archive_is_taken(self):
        old = self.folder / "old.db"
        self.sql(old, "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT)", "INSERT INTO videos VALUES ('a', 'A')")
        noise = random.Random(1).randbytes(30_000)
        content = self.archive("whole", ("app.db", old.read_bytes()), ("noise", noise)).read_bytes()
        overwritten = content[:-15_000] + bytes(100) + content[-14_900:]
        for damaged, why in ((content[:-15_000], "cut off"), (overwritten, "damaged")):
            answer = self.expect(WARNED, "import", self.write("damaged", damaged), "--json").json
            self.assertEqual(("damaged", 1), (answer["files"][0]["state"], answer["files"][0]["records"]))
            self.assertIn(why, answer["files"][0]["reasons"][0])
        self.assertEqual({"present", "a"}, set(self.rows()))

    def test_a_constraint_refuses_one_record_alone(self):
        file = self.write("file", json.dumps([{"video_id": "a"}, self.video("b")]))
        answer = self.expect(WARNED, "import", file, "--json").json
        self.assertEqual((1, 1), (answer["inserted"], answer["refused"]))
        self.assertIn("title", answer["reasons"][0])

    def test_production_data_is_not_imported_into_unless_it_is_meant(self):
        file = self.write("file", json.dumps([self.video("a")]))
        error = self.failure(REFUSED, "import", file, APP_ENV="production")
        self.assertEqual("import_refused", error["code"])
        self.assertIn("HOLDFAST_FORCE_IMPORT", error["next"])
        self.assertEqual({"present"}, set(self.rows()))
        self.ok("import", file, "--force-import", APP_ENV="production")
        self.ok("import", file, APP_ENV="production", HOLDFAST_FORCE_IMPORT="true")
        self.ok("import", file, APP_ENV="development")
        self.assertEqual({"present", "a"}, set(self.rows()))

    def test_a_hostile_archive_is_refused(self):
        self.sql(self.app, "PRAGMA wal_checkpoint(TRUNCATE)")
        for archive in self.hostile_archives(self.app):
            answer = self.expect(WARNED, "import", archive, "--json").json
            self.assertEqual(("damaged", 0), (answer["files"][0]["state"], answer["files"][0]["records"]))
        self.expect_nothing_outside()
