"""Records in a PostgreSQL database: what a user of DATABASE_URL sees, checked with psql."""

import base64
import json
import pathlib

from holdfast import Scenario
from postgres_server import PostgresServer

CONFIGURATION = """
[databases.app]
source = ["$DATABASE_URL", "app.db"]
[[databases.app.exports]]
collection = "videos"
file = "results.json"
[records]
spool = "spool"
patience = "0s"
[collections.videos]
key = "video_id"
alias = { prefix = "yt:" }
create = "CREATE TABLE IF NOT EXISTS videos (video_id text PRIMARY KEY, title text NOT NULL, stats_total bigint, counts_data text)"
[collections.videos.fields]
"stats.total" = "stats_total"
counts = { column = "counts_data", as = "json" }
[collections.plain]
"""


class Postgres(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        database = f"test_{self._testMethodName[-40:]}"
        self.server.psql(f'CREATE DATABASE "{database}"')
        self.database = database
        self.environment["DATABASE_URL"] = self.server.url(database)
        self.configure(CONFIGURATION)

    def psql(self, sql):
        return self.server.psql(sql, self.database)

    def put(self, record, *words, status=0, collection="videos", **variables):
        file = self.folder / "record.json"
        file.write_text(json.dumps(record), encoding="utf-8")
        answer = self.expect(status, "put", collection, file, *words, "--json", **variables)
        self.assertNotIn("geheim", answer.out + answer.err)
        return answer.json

    def test_a_record_comes_back_as_it_was_put(self):
        record = {"video_id": "a", "title": "ä", "stats": {"total": 2**53 + 1}, "counts": {"x": [1, None]}}
        self.assertEqual("stored", self.put(record)["result"])
        self.assertEqual(record, self.ok_json("get", "videos", "yt:a"))
        self.assertEqual("a|ä|9007199254740993", self.psql("SELECT video_id, title, stats_total FROM videos"))
        self.assertEqual({"a": record}, json.loads((self.folder / "results.json").read_text()))
        self.assertEqual(1, self.ok_json("list", "videos", "--filter", "title=ä")["total"])

    def test_a_deleted_record_stays_deleted(self):
        self.put({"video_id": "a", "title": "t"})
        self.ok("delete", "videos", "yt:a")
        self.assertEqual({}, json.loads((self.folder / "results.json").read_text()))
        self.put({"video_id": "a", "title": "t"}, status=62)
        self.ok("undelete", "videos", "a")
        self.put({"video_id": "a", "title": "t"})
        self.assertEqual("1", self.psql("SELECT count(*) FROM videos"))

    def test_a_table_with_only_a_name_is_looked_at(self):
        self.psql("CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, doc jsonb, "
                  "price numeric(8,2), at timestamptz DEFAULT '2026-11-21 10:00Z', raw bytea)")
        self.assertEqual("1", self.put({"doc": {"b": 1, "a": [1.5]}, "price": 2.5, "raw": {"$blob": "AP8="}},
                                       collection="plain")["id"])
        self.assertEqual({"id": 1, "doc": {"a": [1.5], "b": 1}, "price": "2.50", "raw": {"$blob": "AP8="},
                          "at": "2026-11-21 10:00:00+00"}, self.ok_json("get", "plain", "1"))
        self.assertEqual(r"2.50|\x00ff", self.psql("SELECT price, raw FROM plain"))

    def test_what_breaks_a_constraint_is_refused_with_its_column(self):
        self.put({"video_id": "a", "title": "t"})
        answer = self.put({"video_id": "b", "title": None}, status=65)
        self.assertIn("title", json.dumps(answer))
        self.assertEqual("1", self.psql("SELECT count(*) FROM videos"))

    def test_records_wait_in_the_spool_while_the_server_is_away(self):
        self.put({"video_id": "a", "title": "1"})
        self.server.stop()
        try:
            self.assertEqual("spooled", self.put({"video_id": "a", "title": "2"}, status=60)["result"])
            status = self.expect(6, "status", "--json")
            self.assertIn("waiting", status.out)
            self.assertNotIn("geheim", status.out + status.err)
        finally:
            self.server.start()
        self.put({"video_id": "b", "title": "1"})
        self.assertEqual("a2,b1", self.psql("SELECT string_agg(video_id || title, ',' ORDER BY video_id) FROM videos"))

    def test_without_the_variable_the_file_is_used(self):
        self.sql(self.folder / "app.db", "CREATE TABLE other (x)")
        self.put({"video_id": "a", "title": "t"}, DATABASE_URL=None)
        self.assertEqual([("a",)], self.sql(self.folder / "app.db", "SELECT video_id FROM videos"))
        self.assertEqual("", self.psql("SELECT to_regclass('videos')"))

    def test_what_cannot_be_done_for_a_server_yet_is_said(self):
        self.ok("init")
        for command in ["backup", "replicate", "guard", "drill"]:
            answer = self.expect(46, command, "app")
            self.assertIn("PostgreSQL", answer.err)
            self.assertNotIn("geheim", answer.out + answer.err)

    def old(self, **titles):
        records = {key: {"video_id": key, "title": title} for key, title in titles.items()}
        (self.folder / "old.json").write_text(json.dumps(records), encoding="utf-8")

    def titles(self):
        return self.psql("SELECT coalesce(string_agg(video_id || title, ',' ORDER BY video_id), '') FROM videos")

    def saved(self, answer):
        """What is in the copy of what was there before."""
        return json.loads(base64.b64decode(pathlib.Path(answer["safety_copy"]).read_bytes()))

    def test_records_are_imported_and_what_was_there_wins(self):
        self.put({"video_id": "a", "title": "1"})
        self.put({"video_id": "gone", "title": "1"})
        self.ok("delete", "videos", "gone")
        self.old(a="0", b="0", gone="0")
        answer = self.ok_json("import", "old.json", "--collection", "videos")
        self.assertEqual((1, 1, 1), (answer["inserted"], answer["kept"], answer["deleted"]))
        self.assertEqual("a1,b0", self.titles())
        self.assertEqual(["a"], list(self.saved(answer)))
        self.assertEqual({"a", "b"}, json.loads((self.folder / "results.json").read_text()).keys())
        self.assertIsNone(self.ok_json("import", "old.json", "--collection", "videos")["safety_copy"])

    def test_records_are_recovered_from_every_copy(self):
        self.init()
        for key in ("a", "b", "c"):
            self.put({"video_id": key, "title": "1"})
        self.psql("DELETE FROM videos WHERE video_id <> 'a'")
        self.old(b="0", d="0")
        scan = self.ok_json("recover", "--scan", "--collection", "videos", "old.json")
        self.assertEqual((1, 3), (scan["in_database"], scan["missing"]))
        self.assertEqual("database", scan["sources"][0]["kind"])
        self.assertNotIn("geheim", json.dumps(scan))
        merge = self.ok_json("recover", "--merge", "--yes", "--collection", "videos", "old.json",
                             "--pick", "b=old.json")["merge"]
        self.assertEqual("a1,b0,c1,d0", self.titles())
        self.assertEqual(["a"], list(self.saved(merge)))

    def restored(self, *words, **variables):
        return self.ok_json("restore", "--file", "old.json", "--collection", "videos", "--yes", *words, **variables)

    def counts(self, answer):
        return tuple(answer[key] for key in ("inserted", "replaced", "equal", "removed", "deleted"))

    def test_a_collection_becomes_what_a_file_holds_and_can_be_undone(self):
        self.init()
        self.put({"video_id": "c", "title": "1", "counts": {"x": 2**53 + 1}})
        for key in ("a", "b", "gone"):
            self.put({"video_id": key, "title": "1"})
        self.ok("delete", "videos", "gone")
        rows = "SELECT v FROM videos v ORDER BY 1"
        before = self.psql(rows)
        self.old(a="1", b="2", d="2", gone="2")
        planned = self.ok_json("restore", "--file", "old.json", "--collection", "videos", "--dry-run")
        self.assertEqual((1, 1, 1, 1, 1), self.counts(planned))
        self.assertEqual(before, self.psql(rows))
        answer = self.restored()
        self.assertEqual((1, 1, 1, 1, 1), self.counts(answer))
        self.assertEqual("a1,b2,d2", self.titles())
        self.assertEqual({"a", "b", "d"}, json.loads((self.folder / "results.json").read_text()).keys())
        self.assertEqual({"a", "b", "c"}, self.saved(answer).keys())
        self.assertIsNone(answer["safety_snapshot"])
        self.assertEqual(0o600, pathlib.Path(answer["safety_copy"]).stat().st_mode & 0o777)
        self.assertNotIn("geheim", json.dumps(answer))
        self.ok(*answer["undo"].split()[1:], "--yes")
        self.assertEqual(before, self.psql(rows))
        self.assertEqual(["restore", "restore"], [entry["operation"] for entry in self.ok_json("log")][-2:])
        self.put({"video_id": "gone", "title": "1"}, status=62)
        self.put({"video_id": "d", "title": "1"})

    def test_a_file_that_the_database_refuses_changes_nothing(self):
        self.environment["HOLDFAST_REPO"] = None
        self.put({"video_id": "a", "title": "1"})
        self.psql("ALTER TABLE videos ADD CHECK (title <> 'bad')")
        self.old(b="2", c="bad")
        self.failure(65, "restore", "--file", "old.json", "--collection", "videos", "--yes")
        self.assertEqual("a1", self.titles())
        self.psql("CREATE TABLE notes (video_id text REFERENCES videos); INSERT INTO notes VALUES ('a')")
        self.old(b="2")
        self.failure(65, "restore", "--file", "old.json", "--collection", "videos", "--yes")
        self.assertEqual("a1", self.titles())
        (self.folder / "old.json").write_text('{"b": {"video_id": "b", "title": "2"}, "c"', encoding="utf-8")
        self.failure(23, "restore", "--file", "old.json", "--collection", "videos", "--yes")
        self.assertEqual("a1", self.titles())

    def test_a_table_of_a_database_file_becomes_the_collection(self):
        self.environment["HOLDFAST_REPO"] = None
        self.put({"video_id": "a", "title": "1"})
        self.sql(self.folder / "old.db", "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT, stats_total INTEGER)",
                 "INSERT INTO videos VALUES ('b', 'ä', 9007199254740993)")
        self.ok("restore", "--file", "old.db", "--collection", "videos", "--yes")
        self.assertEqual("b|ä|9007199254740993", self.psql("SELECT video_id, title, stats_total FROM videos"))

    def test_what_waits_in_the_spool_comes_before_a_restore(self):
        self.environment["HOLDFAST_REPO"] = None
        self.put({"video_id": "a", "title": "1"})
        self.server.stop()
        try:
            self.put({"video_id": "spooled", "title": "1"}, status=60)
            self.old(b="2")
            self.failure(45, "restore", "--file", "old.json", "--collection", "videos", "--yes")
        finally:
            self.server.start()
        answer = self.restored()
        self.assertEqual("b2", self.titles())
        self.assertEqual({"a", "spooled"}, self.saved(answer).keys())

    def test_production_data_is_not_replaced_unless_it_is_meant(self):
        self.environment["HOLDFAST_REPO"] = None
        self.configure('environment = "production"\n' + CONFIGURATION)
        self.put({"video_id": "a", "title": "1"})
        self.old(b="2")
        self.failure(80, "restore", "--file", "old.json", "--collection", "videos", "--yes")
        self.assertEqual("a1", self.titles())
        self.restored("--force-import")
        self.assertEqual("b2", self.titles())

    def test_a_key_that_no_row_can_have_is_refused_alone(self):
        self.psql("CREATE TABLE plain (id bigint PRIMARY KEY, name text)")
        (self.folder / "old.json").write_text('{"7": {"name": "seven"}, "x": {"name": "none"}}', encoding="utf-8")
        answer = self.expect(3, "import", "old.json", "--collection", "plain", "--json", HOLDFAST_REPO=None).json
        self.assertEqual((1, 1), (answer["inserted"], answer["refused"]))
        self.assertEqual("7|seven", self.psql("SELECT * FROM plain"))

    def test_recovery_says_that_the_server_is_away(self):
        self.init()
        self.put({"video_id": "a", "title": "1"})
        self.server.stop()
        try:
            answer = self.run_program("recover", "--scan", "--collection", "videos")
            self.assertEqual(45, answer.status, answer.err)
        finally:
            self.server.start()

    def test_passwords_are_shown_nowhere(self):
        for url in [self.server.url(self.database), "postgres://me:geheim@127.0.0.1:1/d", "postgres://me:gehe%zzim@h/d"]:
            for words in [["config", "check"], ["config", "check", "--json"], ["put", "videos", "/dev/null"],
                          ["get", "videos", "a"], ["status"], ["doctor"], ["export"]]:
                answer = self.run_program(*words, DATABASE_URL=url)
                self.assertNotIn("gehe", answer.out + answer.err)
