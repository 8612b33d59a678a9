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
