"""`holdfast recover`: every copy that is left, compared, and what is missing brought back."""

import base64
import json
import os
import random
import resource
import sqlite3
import time

from copies import Videos

WARNED, UNCONFIRMED = 3, 4
# The full sizes of the requirement: HOLDFAST_RECOVER_FILES=10000 HOLDFAST_RECOVER_RECORDS=100000.
FILES = int(os.environ.get("HOLDFAST_RECOVER_FILES", "400"))
RECORDS = int(os.environ.get("HOLDFAST_RECOVER_RECORDS", "5000"))


class Recovery(Videos):
    COLUMNS = "video_id TEXT PRIMARY KEY, title TEXT NOT NULL, score REAL, counts_data TEXT"
    FIELDS = 'counts = { column = "counts_data", as = "json" }'

    def setUp(self):
        super().setUp()
        self.old = self.folder / "old"
        self.old.mkdir()

    def backup(self, name, *records):
        self.write(self.old / name, self.keyed(*records))

    def scan(self, *words, status=0):
        answer = self.expect(status, "recover", "--scan", *words, "--json", "--verbose").json
        return answer, {record["id"]: record for record in answer["found"]}

    def measured(self, what, work):
        """What the work answers; with its time, and the most memory that any command took so far."""
        begun = time.monotonic()
        answer = work()
        seconds, kilobytes = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"\nrecover: {what} in {seconds:.2f} s, {kilobytes / 1000:.0f} MB", flush=True)
        return answer

    def test_finds_every_place_that_a_record_is_in(self):
        self.sql(self.app, "INSERT INTO videos VALUES ('base', 'B', 1, NULL), ('snapshot', 'S', 2.5, '{\"a\": 1}')")
        self.ok("backup", "app")
        self.sql(self.app, "DELETE FROM videos WHERE video_id = 'snapshot'")
        self.sql(self.app, "INSERT INTO videos VALUES ('export', 'E', 3, NULL)")
        self.ok("export")
        self.sql(self.app, "DELETE FROM videos WHERE video_id = 'export'")
        (self.folder / "backups").mkdir()
        (self.folder / "backups" / "EMERGENCY_SAVE_20250101_000000.json.b64").write_bytes(
            base64.b64encode(json.dumps({"emergency": self.video("emergency")}).encode()))
        self.backup("pre_write_20240101_000000.json.b64", self.video("legacy"), self.video("base", "B", score=1))
        answer, found = self.scan(self.old)
        self.assertEqual({"base", "snapshot", "export", "emergency", "legacy"}, set(found))
        kinds = {source["number"]: source["kind"] for source in answer["sources"]}
        self.assertEqual({key: {"in the database"} if key == "base" else {"missing"} for key in found},
                         {key: {record["state"]} for key, record in found.items()})
        for key in ("snapshot", "export", "emergency"):
            self.assertEqual(key, kinds[found[key]["versions"][0]["newest_source"]])
        self.assertEqual("2024-01-01T00:00:00.000000Z", found["legacy"]["last_seen"])
        # However it is written: 1 and 1.0, a field that is left out and one that is NULL.
        self.assertEqual(1, len(found["base"]["versions"]))
        self.assertGreaterEqual(found["base"]["versions"][0]["copies"], 4)
        self.expect(UNCONFIRMED, "recover", "--merge", self.old)
        merged = self.ok_json("recover", "--merge", self.old, "--yes")["merge"]
        self.assertEqual((4, 0, 0), (merged["inserted"], merged["replaced"], merged["refused"]))
        self.assertEqual({"base": "B", "snapshot": "S", "export": "E", "emergency": "T", "legacy": "T"}, self.titles())
        self.assertEqual(["before-restore"], self.ok_json("show", merged["safety_snapshot"])["tags"])
        self.assertEqual(set(self.titles()), set(json.loads((self.folder / "results.json").read_bytes())))

    def test_links_that_lead_back_are_followed_once(self):
        self.backup("pre_write_20240101_000000.json.b64", self.video("a"))
        (self.old / "loop").symlink_to(self.old)
        (self.old / "again").symlink_to(self.folder / "old")
        answer, found = self.scan(self.old)
        self.assertEqual(1, sum(source["kind"] == "file" for source in answer["sources"]))
        self.assertEqual(1, found["a"]["versions"][0]["copies"])

    def test_a_spooled_record_is_found(self):
        self.sql(self.app, "INSERT INTO videos VALUES ('a', 'A', 1, NULL)")
        holder = sqlite3.connect(self.app, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        (self.folder / "record.json").write_text(json.dumps(self.video("spooled")), encoding="utf-8")
        self.expect(60, "put", "videos", "record.json")
        answer, found = self.scan()
        holder.execute("ROLLBACK")
        holder.close()
        self.assertEqual("missing", found["spooled"]["state"])
        # The export that followed shows it too.
        self.assertEqual(["spool", "export"], [source["kind"] for source in answer["sources"] if source["records"] == 1
                                               and source["kind"] == "spool" or source["kind"] == "export"])
        self.assertEqual(2, found["spooled"]["versions"][0]["copies"])

    def test_an_emergency_copy_is_found_though_only_the_table_tells_the_key(self):
        text = (self.folder / "holdfast.toml").read_text(encoding="utf-8")
        self.configure(text.replace('key = "video_id"\n', "").replace('spool = "spool"', 'spool = "app.toml/spool"'))
        self.write("app.toml", "in the way")
        self.app.rename(self.folder / "away.db")
        self.expect(61, "put", "videos", self.write("video", json.dumps(self.video("a"))))
        (self.folder / "away.db").rename(self.app)
        _, found = self.scan()
        self.assertEqual({"a": "missing"}, {key: record["state"] for key, record in found.items()})
        self.ok("recover", "--merge", "--yes")
        self.assertEqual({"a": "T"}, self.titles())

    def test_the_database_wins_then_the_newest_intact_copy(self):
        self.sql(self.app, "INSERT INTO videos VALUES ('present', 'mine', NULL, NULL)")
        self.backup("database_backup_20240101_000000.json.b64", self.video("a", "old"), self.video("present", "theirs"))
        self.backup("database_backup_20250101_000000.json.b64", self.video("a", "new"))
        self.backup("database_backup_20260101_000000.json.b64", self.video("a", "newest"), self.video("b", "whole"),
                    self.video("c", "cut"))
        damaged = self.old / "database_backup_20260101_000000.json.b64"
        damaged.write_bytes(damaged.read_bytes()[:-16])
        answer, found = self.scan(self.old, status=WARNED)
        self.assertEqual(["damaged"], [source["state"] for source in answer["sources"] if "2026" in source["place"]])
        self.assertEqual((3, 2), (len(found["a"]["versions"]), len(found["present"]["versions"])))
        self.expect(WARNED, "recover", "--merge", self.old, "--yes")
        self.assertEqual({"present": "mine", "a": "new", "b": "whole"}, self.titles())

    def test_a_newer_copy_wins_where_that_is_preferred_and_a_pick_over_all(self):
        self.sql(self.app, "INSERT INTO videos VALUES ('a', 'mine', NULL, NULL), ('b', 'mine', NULL, NULL), "
                           "('c', 'mine', NULL, NULL)")
        self.backup("x_20240101_000000.b64", self.video("a", "older"), self.video("b", "picked"))
        self.backup("x_20990101_000000.b64", self.video("a", "newer"), self.video("b", "newer"))
        answer = self.ok_json("recover", "--merge", self.old, "--prefer", "newest", "--yes", "--pick",
                              f"b={self.old / 'x_20240101_000000.b64'}")
        self.assertEqual(2, answer["merge"]["replaced"])
        self.assertEqual({"a": "newer", "b": "picked", "c": "mine"}, self.titles())
        self.assertEqual("usage", self.failure(2, "recover", "--merge", self.old, "--pick", "b=nowhere", "--yes")["code"])

    def test_deleted_and_excluded_records_stay_out(self):
        self.sql(self.app, "INSERT INTO videos VALUES ('gone', 'G', NULL, NULL)")
        self.ok("delete", "videos", "gone")
        self.backup("backup", self.video("gone"), self.video("p", "Prizies"), self.video("a"))
        _, found = self.scan(self.old)
        self.assertEqual("deleted", found["gone"]["state"])
        merged = self.ok_json("recover", "--merge", self.old, "--yes")["merge"]
        self.assertEqual((1, 1), (merged["inserted"], merged["excluded"]))
        self.assertEqual({"a": "T"}, self.titles())

    def test_an_export_that_somebody_has_changed_is_told(self):
        self.sql(self.app, "INSERT INTO videos VALUES ('a', 'A', NULL, NULL)")
        self.ok("export")
        export = self.folder / "results.json"
        export.write_text(export.read_text(encoding="utf-8").replace('"A"', '"B"'), encoding="utf-8")
        answer, _ = self.scan(status=WARNED)
        self.assertEqual(["damaged"], [source["state"] for source in answer["sources"] if source["kind"] == "export"])

    def test_a_scan_works_though_the_database_is_lost(self):
        self.sql(self.app, "INSERT INTO videos VALUES ('a', 'A', 1, NULL)")
        self.ok("backup", "app")
        self.backup("old", self.video("b"))
        for file in self.folder.glob("app.db*"):
            file.unlink()
        answer, found = self.scan(self.old, status=WARNED)
        self.assertEqual({"a": "missing", "b": "missing"}, {key: record["state"] for key, record in found.items()})
        self.assertEqual(("database", "damaged"), (answer["sources"][0]["kind"], answer["sources"][0]["state"]))
        self.failure(30, "recover", "--merge", self.old, "--yes")

    def test_every_corrupt_backup_among_many_is_reported_and_no_other(self):
        rng = random.Random(5)
        corrupt, expected = set(), set()
        for number in range(FILES):
            name = f"pre_write_2024{1 + number % 12:02}{1 + number % 28:02}_{number:06}.json.b64"
            keys = [f"v{number}-{i}" for i in range(5)]
            text = json.dumps({key: self.video(key, f"ü {key}" * 20) for key in keys}).encode()
            content = base64.b64encode(text)
            if number % 20 == 7:
                kind = rng.randrange(5)
                if kind == 0:
                    content = content[: rng.randrange(1, len(content))]
                elif kind == 1:
                    at = rng.randrange(8, len(content) - 4)
                    content = content[:at] + b"*" + content[at + 1 :]
                elif kind == 2:
                    content = b""
                elif kind == 3:
                    content = bytes(rng.randrange(256) for _ in range(300))
                else:
                    content = base64.b64encode(text.replace(b'"title"', b'title"', 1))
                corrupt.add(name)
            else:
                expected.update(keys)
            (self.old / name).write_bytes(content)
        answer, found = self.measured(f"{FILES} files, {len(corrupt)} of them corrupt, scanned",
                                      lambda: self.scan(self.old, status=WARNED))
        files = [source for source in answer["sources"] if source["kind"] == "file"]
        self.assertEqual(FILES, len(files))
        damaged = {os.path.basename(source["place"]) for source in files if source["state"] == "damaged"}
        self.assertEqual(corrupt, damaged)
        self.assertTrue(all(source["reasons"] for source in files if source["state"] == "damaged"))
        self.assertTrue(expected <= set(found))

    def test_a_merge_of_many_keeps_every_present_row_bit_for_bit(self):
        rows = [(f"p{i}", f"present {i}", i / 7, '{"b": 1,  "a": 2}') for i in range(2000)]
        connection = sqlite3.connect(self.app)
        connection.executemany("INSERT INTO videos VALUES (?, ?, ?, ?)", rows)
        connection.commit()
        connection.close()
        records = [self.video(f"m{i}", f"missing {i}", score=i / 3) for i in range(RECORDS)]
        records += [self.video(f"p{i}", "another one") for i in range(2000)]
        self.backup("all.b64", *records)
        merged = self.measured(f"{RECORDS} missing records merged beside 2000 present ones",
                               lambda: self.ok_json("recover", "--merge", self.old, "--yes"))["merge"]
        self.assertEqual((RECORDS, 0), (merged["inserted"], merged["refused"]))
        query = "SELECT *, typeof(score), typeof(counts_data) FROM videos WHERE video_id LIKE ? ORDER BY rowid"
        connection = sqlite3.connect(self.app)
        self.assertEqual([(*row, "real", "text") for row in rows], connection.execute(query, ("p%",)).fetchall())
        self.assertEqual([(f"m{i}", f"missing {i}", i / 3, None, "real", "null") for i in range(RECORDS)],
                         connection.execute(query, ("m%",)).fetchall())
        connection.close()
