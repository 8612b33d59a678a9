"""Records: put, get, list, delete, what happens when the database is away, and nothing lost by a kill."""

import base64
import json
import pathlib
import random
import signal
import sqlite3
import subprocess
import time

from holdfast import PROGRAM, Scenario

CONFIGURATION = """
[databases.app]
source = "app.db"
[records]
spool = "spool"
patience = "0s"
[collections.videos]
key = "video_id"
alias = { prefix = "yt:" }
[collections.videos.fields]
"stats.total" = "stats_total"
counts = { column = "counts_data", as = "json" }
[collections.videos.children.summaries]
parent = "video_id"
variant = "variant"
revision = "revision"
[collections.campaigns]
create = "CREATE TABLE IF NOT EXISTS campaigns (id INTEGER PRIMARY KEY, name TEXT NOT NULL, active BOOLEAN)"
[collections.campaigns.defaults]
active = true
"""


class Records(Scenario):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.db"
        self.sql(self.path, "PRAGMA journal_mode=WAL",
                 "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT NOT NULL, channel TEXT, "
                 "stats_total INTEGER, counts_data TEXT)",
                 "CREATE TABLE summaries (id INTEGER PRIMARY KEY, video_id TEXT REFERENCES videos, "
                 "variant TEXT, revision INTEGER, html TEXT)")
        self.configure(CONFIGURATION)

    def put(self, record, *words, status=0, collection="videos"):
        file = self.folder / "record.json"
        file.write_text(record if isinstance(record, str) else json.dumps(record), encoding="utf-8")
        return self.expect(status, "put", collection, file, *words, "--json").json

    def video(self, key, title="T", **more):
        return {"video_id": key, "title": title, **more}

    def titles(self):
        return dict(self.sql(self.path, "SELECT video_id, title FROM videos"))

    def test_a_record_comes_back_as_it_was_put(self):
        record = self.video("a", stats={"total": 2**53 + 1}, counts={"x": [1, None, "ü"]}, channel=None)
        answer = self.put(record)
        self.assertEqual(("stored", "a", True), (answer["result"], answer["id"], answer["created"]))
        self.assertEqual({**record, "summaries": {}}, self.ok_json("get", "videos", "yt:a"))
        self.assertEqual({"x": [1, None, "ü"]},
                         json.loads(self.sql(self.path, "SELECT counts_data FROM videos")[0][0]))

    def test_records_come_one_a_line_or_as_an_array(self):
        lines = "\n".join(json.dumps(self.video(str(i))) for i in range(1200))
        self.assertEqual(1200, self.put(lines)["stored"])
        self.assertEqual(2, self.put([self.video("x"), self.video("y")])["stored"])
        self.assertEqual("stored", self.put(json.dumps(self.video("z"), indent=2))["result"])
        self.assertEqual(1203, len(self.titles()))

    def test_records_may_come_in_by_stdin(self):
        done = subprocess.run([PROGRAM, "put", "videos"], input=json.dumps(self.video("a")), text=True,
                              cwd=self.folder, env=self.environment, capture_output=True, check=False)
        self.assertEqual((0, "Stored a of videos.\n"), (done.returncode, done.stdout))

    def test_one_bad_record_does_not_fail_its_neighbours(self):
        lines = [json.dumps(self.video("a")), '{"video_id": "b"}', '{"broken', json.dumps(self.video("c"))]
        answer = self.put("\n".join(lines), status=65)
        self.assertEqual((2, 2), (answer["stored"], answer["refused"]))
        codes = [one.get("error", {}).get("code") for one in answer["records"]]
        self.assertEqual([None, "record_rejected", "record_invalid", None], codes)
        self.assertIn("videos.title", answer["records"][1]["error"]["message"])
        self.assertIn("line 3", answer["records"][2]["error"]["message"])

    def test_hostile_json_is_refused(self):
        for text in ("[" * 100_000, '{"video_id":"a","title":"b","title":"c"}',
                     '{"video_id":"a","title":"b","stats":{"total":1' + "0" * 400 + "}}", '{"a":1e999}', "5"):
            file = self.folder / "bad.json"
            file.write_text(text, encoding="utf-8")
            self.assertEqual("record_invalid", self.failure(64, "put", "videos", file)["code"], text[:60])
        self.assertEqual({}, self.titles())

    def test_an_away_database_means_the_spool_and_the_next_put_brings_it_in(self):
        holder = sqlite3.connect(self.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        answer = self.put(self.video("a", "1"), status=60)
        self.assertEqual("spooled", answer["result"])
        self.put(self.video("a", "2"), status=60)
        holder.close()
        self.init()
        status = self.expect(6, "status", "--json").json[0]
        self.assertEqual(2, status["spool"]["waiting"])
        self.assertIn("2 records waiting in the spool", " ".join(status["problems"]))
        self.put(self.video("b"))
        self.assertEqual({"a": "2", "b": "T"}, self.titles())
        self.assertIsNone(self.run_program("status", "--json").json[0]["spool"])

    def test_a_missing_database_is_never_begun_anew(self):
        self.path.rename(self.folder / "elsewhere.db")
        self.put(self.video("a"), status=60)
        self.assertFalse(self.path.exists())
        (self.folder / "elsewhere.db").rename(self.path)
        (self.folder / "empty.jsonl").touch()
        self.ok("put", "videos", self.folder / "empty.jsonl")
        self.assertEqual({"a": "T"}, self.titles())

    def test_a_broken_spool_means_an_emergency_copy(self):
        (self.folder / "spool").write_text("in the way", encoding="utf-8")
        self.path.rename(self.folder / "elsewhere.db")
        answers = [self.put(self.video("a", str(i)), status=61) for i in range(2)]
        self.assertEqual(2, len({answer["file"] for answer in answers}))
        for i, answer in enumerate(answers):
            file = pathlib.Path(answer["file"])
            self.assertEqual(self.folder / "backups", file.parent)
            self.assertRegex(file.name, r"^EMERGENCY_SAVE_\d{8}_\d{6}\.json\.b64$")
            self.assertEqual({"a": self.video("a", str(i))}, json.loads(base64.b64decode(file.read_bytes())))

    def test_a_record_that_is_nowhere_is_said_so(self):
        (self.folder / "spool").write_text("in the way", encoding="utf-8")
        (self.folder / "backups").write_text("in the way", encoding="utf-8")
        self.path.rename(self.folder / "elsewhere.db")
        file = self.folder / "record.json"
        file.write_text(json.dumps(self.video("a")), encoding="utf-8")
        self.assertEqual("record_not_kept", self.failure(66, "put", "videos", file)["code"])

    def test_what_is_deleted_stays_deleted_until_it_is_undeleted(self):
        self.put(self.video("a", summaries={"short": {"html": "x"}}))
        answer = self.ok_json("delete", "videos", "yt:a")
        self.assertEqual(("a", 1), (answer["id"], answer["children_removed"]))
        self.assertEqual("record_missing", self.failure(63, "delete", "videos", "a")["code"])
        self.assertEqual("record_missing", self.failure(63, "get", "videos", "a")["code"])
        file = self.folder / "record.json"
        self.assertEqual("record_deleted", self.failure(62, "put", "videos", file)["code"])
        self.assertEqual({}, self.titles())
        self.ok("undelete", "videos", "a")
        self.ok("put", "videos", file)
        self.ok("delete", "videos", "a")
        self.ok("put", "videos", file, "--undelete")
        self.assertEqual({"a": "T"}, self.titles())

    def test_a_collection_needs_no_more_than_its_table_and_numbers_its_records(self):
        answer = self.put({"name": "Prizes"}, collection="campaigns")
        self.assertEqual("1", answer["id"])
        self.assertEqual({"id": 1, "name": "Prizes", "active": True}, self.ok_json("get", "campaigns", "1"))

    def test_records_are_listed_filtered_sorted_and_paged(self):
        self.put([self.video(f"v{i}", stats={"total": i % 3}) for i in range(9)])
        listed = self.ok_json("list", "videos", "--filter", "stats.total>=1", "--sort", "-stats.total",
                              "--size", 2, "--page", 1)
        self.assertEqual((6, ["v8", "v1"]), (listed["total"], listed["ids"]))
        self.assertEqual(9, len(self.ok("list", "videos").out.splitlines()))
        self.assertEqual("usage", self.failure(2, "list", "videos", "--filter", "nothing=1")["code"])

    def test_list_without_a_collection_lists_the_snapshots(self):
        self.init()
        self.ok("backup", "app")
        self.assertEqual(self.ok_json("snapshots"), self.ok_json("list"))

    def test_an_unknown_collection_is_named_with_the_nearest_one(self):
        self.assertIn('did you mean "videos"', self.failure(67, "get", "video", "a")["message"])

    def test_own_tables_may_lie_beside_a_database_that_must_not_be_touched(self):
        self.configure(CONFIGURATION.replace("[records]", '[records]\nown_tables = "beside"'))
        self.put(self.video("a"))
        self.ok("delete", "videos", "a")
        self.failure(62, "put", "videos", self.folder / "record.json")
        tables = self.sql(self.path, "SELECT name FROM sqlite_schema WHERE name LIKE '%holdfast%'")
        self.assertEqual([], tables)

    def test_a_constraint_is_named_and_nothing_is_spooled(self):
        (self.folder / "record.json").write_text('{"video_id": "a", "title": null}', encoding="utf-8")
        self.assertIn("videos.title", self.failure(65, "put", "videos", self.folder / "record.json")["message"])
        self.assertFalse((self.folder / "spool").exists())

    def test_killed_puts_lose_and_double_nothing_that_was_acknowledged(self):
        seed = random.randrange(2**32)
        choice = random.Random(seed)
        acknowledged = {}
        (self.folder / "empty.jsonl").touch()
        holder = None
        for number in range(40):
            if holder is None and choice.random() < 0.4:
                holder = sqlite3.connect(self.path, isolation_level=None)
                holder.execute("BEGIN IMMEDIATE")
            elif holder is not None:
                holder.close()
                holder = None
            name = f"n{number}"
            process = subprocess.Popen([PROGRAM, "put", "campaigns", "--json"], cwd=self.folder, env=self.environment,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            process.stdin.write(json.dumps({"name": name}).encode())
            process.stdin.close()
            if choice.random() < 0.5:
                time.sleep(choice.random() * 0.02)
                process.send_signal(signal.SIGKILL)
            out = process.stdout.read()
            status = process.wait()
            process.stdout.close()
            if status in (0, 60):
                acknowledged[name] = json.loads(out)["result"]
        if holder is not None:
            holder.close()
        self.ok("put", "campaigns", self.folder / "empty.jsonl")
        counts = dict(self.sql(self.path, "SELECT name, count(*) FROM campaigns GROUP BY name"))
        self.assertEqual([], [name for name in acknowledged if counts.get(name) != 1], f"seed {seed}")
        self.assertEqual([], [name for name, count in counts.items() if count != 1], f"seed {seed}")


if __name__ == "__main__":
    import unittest

    unittest.main()
