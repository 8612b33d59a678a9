"""`holdfast export`: collections as files that others read."""

import array
import base64
import contextlib
import csv
import fcntl
import json
import os
import pathlib
import sqlite3
import subprocess
import threading
import unittest

from holdfast import PROGRAM, Scenario

WARNED, DIFFERENT = 3, 7
FS_IOC_GETVERSION = 0x80087601

CONFIGURATION = """
[databases.app]
source = ["app.db"]
[[databases.app.exports]]
collection = "videos"
file = "results.json"
[[databases.app.exports]]
file = "results.json.b64"
[[databases.app.exports]]
file = "videos.jsonl"
[[databases.app.exports]]
file = "videos.csv"
[[databases.app.exports]]
file = "list.json"
format = "array"
[collections.videos]
database = "app"
[collections.videos.fields]
"stats.total" = "stats_total"
facts = { column = "facts", as = "json" }
[collections.videos.children.summaries]
parent = "video_id"
variant = "variant"
revision = "revision"
"""


class Exports(Scenario):
    def setUp(self):
        super().setUp()
        self.app = self.folder / "app.db"
        self.sql(self.app, "PRAGMA journal_mode = WAL",
                 "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT, stats_total INTEGER, score REAL, "
                 "facts TEXT, thumbnail BLOB, live BOOLEAN)",
                 "CREATE TABLE summaries (video_id TEXT, variant TEXT, revision INTEGER, html TEXT)",
                 "INSERT INTO videos VALUES ('b', 'two, \"quoted\"\nlines', 9007199254740993, 0.1, "
                 "'{\"b\": [1, 2.50], \"a\": \"\\u00fc\"}', x'00ff', 1)",
                 "INSERT INTO videos VALUES ('a', 'Zürich', NULL, 9e999, NULL, NULL, 0)",
                 "INSERT INTO summaries VALUES ('b', 'short', 1, 'old'), ('b', 'short', 2, 'new')")
        self.configure(CONFIGURATION)

    def read(self, name):
        return (self.folder / name).read_bytes()

    def results(self):
        return json.loads(self.read("results.json"))

    def states(self, status):
        return {os.path.basename(one["file"]): one["state"]
                for one in self.expect(status, "export", "--check", "--json").json}


class Content(Exports):
    def test_is_one_object_keyed_by_id_without_loss(self):
        outcomes = self.ok_json("export")
        self.assertEqual([2] * 5, [one["records"] for one in outcomes])
        expected = {
            "a": {"facts": None, "live": False, "score": {"$number": "Infinity"}, "stats": {"total": None},
                  "summaries": {}, "thumbnail": None, "title": "Zürich", "video_id": "a"},
            "b": {"facts": {"a": "ü", "b": [1, 2.5]}, "live": True, "score": 0.1, "stats": {"total": 9007199254740993},
                  "summaries": {"short": {"html": "new", "revision": 2, "variant": "short"}},
                  "thumbnail": {"$blob": "AP8="}, "title": "two, \"quoted\"\nlines", "video_id": "b"}}
        self.assertEqual(expected, self.results())
        # Compact, in order, and not a byte more.
        self.assertEqual(json.dumps(expected, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(),
                         self.read("results.json"))

    def test_is_the_same_in_every_format(self):
        self.ok("export")
        records = list(self.results().values())
        self.assertEqual(self.read("results.json"), base64.b64decode(self.read("results.json.b64"), validate=True))
        self.assertNotIn(b"\n", self.read("results.json.b64"))
        self.assertEqual(records, json.loads(self.read("list.json")))
        self.assertEqual(records, [json.loads(line) for line in self.read("videos.jsonl").splitlines()])
        with open(self.folder / "videos.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(["a", "b"], [row["video_id"] for row in rows])
        self.assertEqual(records[1]["title"], rows[1]["title"])
        self.assertEqual("9007199254740993", rows[1]["stats.total"])
        self.assertEqual("", rows[0]["stats.total"])
        self.assertEqual(records[1]["facts"], json.loads(rows[1]["facts"]))
        self.assertEqual(records[1]["thumbnail"], json.loads(rows[1]["thumbnail"]))

    def test_is_what_get_finds(self):
        self.ok("export")
        for key, record in self.results().items():
            self.assertEqual(self.ok_json("get", "videos", key), record)

    def test_goes_to_a_file_or_stdout_as_asked(self):
        self.ok("export", "--to", "copy.json.b64")
        self.ok("export", "--collection", "videos", "--to", "copy.txt", "--format", "jsonl")
        self.ok("export")
        self.assertEqual(self.read("results.json.b64"), self.read("copy.json.b64"))
        self.assertEqual(self.read("videos.jsonl"), self.read("copy.txt"))
        self.assertEqual(self.read("videos.csv").decode(),
                         subprocess.run([PROGRAM, "export", "--stdout", "--format", "csv"], cwd=self.folder,
                                        env=self.environment, capture_output=True, check=True).stdout.decode())

    def test_is_that_of_one_committed_state(self):
        self.sql(self.app, "CREATE TABLE pair (id INTEGER PRIMARY KEY, n INT)", "INSERT INTO pair VALUES (1, 0), (2, 0)")
        self.configure('[databases.app]\nsource = ["app.db"]\n[collections.pair]\n'
                       '[[databases.app.exports]]\nfile = "one.json"\n[[databases.app.exports]]\nfile = "two.json"\n')
        done = threading.Event()

        def write():
            connection = sqlite3.connect(self.app, timeout=20, isolation_level=None)
            while not done.is_set():
                connection.execute("UPDATE pair SET n = n + 1")
            connection.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(5):
                self.ok("export")
                one, two = (json.loads(self.read(name)) for name in ("one.json", "two.json"))
                self.assertEqual(one, two)
                self.assertEqual(one["1"]["n"], one["2"]["n"])
        finally:
            done.set()
            writer.join()


class Replacing(Exports):
    def test_shows_what_was_changed(self):
        self.ok("export")
        self.sql(self.app, "UPDATE videos SET title = 'new' WHERE video_id = 'a'", "DELETE FROM videos WHERE video_id = 'b'")
        self.assertEqual({"exported"}, {one["result"] for one in self.ok_json("export")})
        self.assertEqual(["new"], [record["title"] for record in self.results().values()])
        self.assertEqual({"unchanged"}, {one["result"] for one in self.ok_json("export")})

    def test_keeps_aside_what_somebody_else_has_written(self):
        self.ok("export")
        (self.folder / "results.json").write_text("{}")
        answer = self.expect(WARNED, "export", "--json")
        kept = answer.json[0]["kept"]
        self.assertIn("was changed or damaged", answer.err)
        self.assertTrue(os.path.basename(kept).startswith("results.json.kept-"))
        with open(kept, encoding="utf-8") as file:
            self.assertEqual("{}", file.read())
        self.assertEqual(2, len(self.results()))
        self.ok("export")

    def test_keeps_aside_a_file_from_before(self):
        (self.folder / "results.json").write_text('{"old": 1}')
        self.assertIn("was not exported by Holdfast", self.expect(WARNED, "export").err)

    def test_refuses_a_link_and_goes_on_with_the_others(self):
        (self.folder / "elsewhere").write_text("mine")
        (self.folder / "results.json").symlink_to("elsewhere")
        answer = self.expect(46, "export", "--json")
        self.assertEqual(["failed"] + ["exported"] * 4, [one["result"] for one in answer.json])
        self.assertEqual("mine", (self.folder / "elsewhere").read_text())

    def test_may_be_a_file_for_each_record(self):
        self.configure(CONFIGURATION.replace("[collections.videos]\n", """[[databases.app.exports]]
file = "videos"
format = "files"
[collections.videos]
""", 1))
        self.sql(self.app, "INSERT INTO videos (video_id) VALUES ('../-x')")
        self.ok_json("export")
        folder = self.folder / "videos"
        self.assertEqual({".holdfast-export", "a.json", "b.json", "=2E.=2F-x.json"}, set(os.listdir(folder)))
        self.assertEqual(self.results()["b"], json.loads((folder / "b.json").read_bytes()))
        self.assertEqual("unchanged", self.ok_json("export")[-1]["result"])
        self.sql(self.app, "DELETE FROM videos WHERE video_id = 'a'")
        (folder / "b.json").write_text("changed")
        self.assertEqual("changed", self.states(DIFFERENT)["videos"])
        last = self.expect(WARNED, "export", "--json").json[-1]
        self.assertEqual("changed", pathlib.Path(last["kept"]).read_text(encoding="utf-8"))
        self.assertFalse((folder / "a.json").exists())
        self.assertEqual("current", self.states(0)["videos"])
        os.symlink(self.folder, self.folder / "link")
        self.assertEqual("unsupported", self.expect(
            46, "export", "--to", "link", "--format", "files", "--json").json[0]["error"]["code"])
        self.assertEqual("usage", self.failure(2, "export", "--stdout", "--format", "files")["code"])

    def test_finds_a_record_again_that_only_a_file_of_its_own_still_has(self):
        self.configure(CONFIGURATION.replace("[collections.videos]\n", """[[databases.app.exports]]
file = "videos/"
format = "files"
[collections.videos]
""", 1))
        self.ok_json("export")
        self.sql(self.app, "DELETE FROM videos WHERE video_id = 'a'")
        for name in os.listdir(self.folder):
            if name.startswith(("results", "videos.", "list")):
                (self.folder / name).unlink()
        (self.folder / "videos" / "b.json").write_text((self.folder / "videos" / "b.json").read_text().replace("b", "c"))
        scan = self.expect(WARNED, "recover", "--json", HOLDFAST_REPO=None).json
        places = {os.path.basename(one["place"]): one["state"] for one in scan["sources"] if one["kind"] == "export"}
        self.assertEqual({"a.json": "intact", "b.json": "damaged"}, places)
        self.assertEqual(["a"], [one["id"] for one in scan["found"] if one["id"] == "a" and one["state"] == "missing"])

    def test_says_which_files_are_not_what_the_database_holds(self):
        names = ("results.json", "results.json.b64", "videos.jsonl", "videos.csv", "list.json")
        self.assertEqual(dict.fromkeys(names, "missing"), self.states(DIFFERENT))
        self.ok("export")
        self.assertEqual(dict.fromkeys(names, "current"), self.states(0))
        (self.folder / "results.json").write_text("{}")
        self.assertEqual({**dict.fromkeys(names, "current"), "results.json": "changed"}, self.states(DIFFERENT))
        self.sql(self.app, "UPDATE videos SET title = 'new'")
        self.assertEqual({**dict.fromkeys(names, "outdated"), "results.json": "changed"}, self.states(DIFFERENT))

    def test_has_what_waits_in_the_spool(self):
        state = {"HOLDFAST_STATE_DIR": str(self.folder / "state")}
        self.configure(CONFIGURATION + '[records]\npatience = "1s"\n')
        record = self.folder / "record.json"
        record.write_text('{"video_id": "c", "title": "spooled"}')
        holder = sqlite3.connect(self.app, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        self.expect(60, "put", "videos", record, **state)
        self.ok("export", **state)
        holder.execute("ROLLBACK")
        holder.close()
        self.assertEqual("spooled", self.results()["c"]["title"])


class Mistakes(Exports):
    def test_names_the_line_of_a_wrong_export(self):
        for wrong, said in (('collection = "video"\nfile = "x"', "did you mean"), ('collection = "videos"', "needs a"),
                            ('file = "x"\nformat = "xml"', "must be"), ('file = "results.json"', "two exports")):
            self.configure(CONFIGURATION + f"[[databases.app.exports]]\n{wrong}\n")
            error = self.expect(2, "export").err
            self.assertIn(said, error)
            self.assertIn("line", error)

    def test_says_that_nothing_is_configured(self):
        self.configure('[databases.app]\nsource = ["app.db"]\n')
        self.assertIn("configured to be exported", self.failure(2, "export")["message"])

    def test_leaves_the_old_export_when_the_table_or_database_is_gone(self):
        self.ok("export")
        before = self.read("results.json")
        self.sql(self.app, "ALTER TABLE videos RENAME TO other")
        self.expect(68, "export")
        self.app.unlink()
        self.expect(30, "export")
        self.assertEqual(before, self.read("results.json"))


def identity(path):
    """Of the file itself: its inode, and how often that was used anew, where the file system tells."""
    generation = array.array("q", [0])
    with open(path, "rb") as file, contextlib.suppress(OSError):
        fcntl.ioctl(file, FS_IOC_GETVERSION, generation)
    return os.stat(path).st_ino, generation[0]


class LargeFiles(Scenario):
    """Of which only what differs is written, into the file that was replaced before."""

    def setUp(self):
        super().setUp()
        self.app = self.folder / "app.db"
        self.sql(self.app, "PRAGMA journal_mode = WAL", "CREATE TABLE items (id INTEGER PRIMARY KEY, text TEXT)",
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                 "INSERT INTO items SELECT i, hex(randomblob(900)) FROM n")
        self.configure('[databases.app]\nsource = ["app.db"]\n'
                       '[[databases.app.exports]]\nfile = "items.json"\n'
                       '[[databases.app.exports]]\nfile = "items.json.b64"\n[collections.items]\n')
        self.ok("export")
        # Near the end, so that the two files are alike in most of their pieces.
        self.sql(self.app, "UPDATE items SET text = 'second' WHERE id = 20000")
        self.ok("export")

    def spares(self):
        return {identity(path) for path in self.folder.glob(".items.json*export-*")}

    def inodes(self):
        return {identity(self.folder / name) for name in ("items.json", "items.json.b64")}

    def check(self):
        whole = self.ok("export", "--stdout", "--format", "object").out.encode()
        self.assertEqual(whole, (self.folder / "items.json").read_bytes())
        self.assertEqual(base64.b64encode(whole), (self.folder / "items.json.b64").read_bytes())
        for state in self.ok_json("export", "--check"):
            self.assertEqual("current", state["state"])

    def test_are_made_of_their_predecessors(self):
        for edit in ("UPDATE items SET text = 'ü' || substr(text, 3) WHERE id = 9000",
                     "UPDATE items SET text = text || 'longer' WHERE id = 15001",
                     "DELETE FROM items WHERE id BETWEEN 18000 AND 18100",
                     "INSERT INTO items VALUES (30000, 'the last one')"):
            spares = self.spares()
            self.assertEqual(2, len(spares))
            self.sql(self.app, edit)
            outcomes = self.ok_json("export")
            self.assertEqual(["exported"] * 2, [one["result"] for one in outcomes], edit)
            self.assertEqual(spares, self.inodes(), edit)
            self.check()

    def test_show_what_a_put_has_stored_before_it_returns(self):
        spares = self.spares()
        record = self.folder / "record.json"
        record.write_text('{"id": 12000, "text": "put"}', encoding="utf-8")
        self.ok("put", "items", record)
        self.assertEqual(spares, self.inodes())
        self.check()

    def test_never_change_under_whoever_reads_them(self):
        with open(self.folder / "items.json", "rb") as reader:
            before = (self.folder / "items.json").read_bytes()
            for number in range(3):
                self.sql(self.app, f"UPDATE items SET text = 'x' || substr(text, 2) WHERE id = {9000 + number}")
                self.ok("export")
                self.check()
            self.assertEqual(before, reader.read())

    def test_have_no_predecessor_beside_them_where_that_is_not_wanted(self):
        configuration = self.folder / "holdfast.toml"
        text = configuration.read_text(encoding="utf-8")
        configuration.write_text(text.replace('file = "items.json"\n', 'file = "items.json"\nspare = false\n'),
                                 encoding="utf-8")
        self.sql(self.app, "UPDATE items SET text = 'third' WHERE id = 1")
        self.ok("export")
        self.assertEqual([], list(self.folder.glob(".items.json.export-*")))
        self.assertEqual(1, len(list(self.folder.glob(".items.json.b64.export-*"))))
        self.check()


if __name__ == "__main__":
    unittest.main()
