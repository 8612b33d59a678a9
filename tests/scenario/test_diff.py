"""`holdfast diff`: what is different between two states of a database."""

import json
import sqlite3
import subprocess
import unittest

from follower import Follower
from holdfast import PROGRAM, Scenario

SAME, WARNED, DIFFERENT = 0, 3, 7


class Diff(Scenario):
    def setUp(self):
        super().setUp()
        self.app = self.folder / "app.db"
        self.sql(self.app, "PRAGMA journal_mode = WAL",
                 "CREATE TABLE video (id INTEGER PRIMARY KEY, title TEXT, data)",
                 "CREATE TABLE tag (name TEXT PRIMARY KEY, count INT) WITHOUT ROWID",
                 "INSERT INTO video VALUES (1, 'one', NULL), (2, 'two', x'00ff'), (3, 'three', 1.5)",
                 "INSERT INTO tag VALUES ('a', 1), ('b', 2)")

    def copy(self, name="copy.db"):
        path = self.folder / name
        source, target = sqlite3.connect(self.app), sqlite3.connect(path)
        source.backup(target)
        source.close()
        target.close()
        return path

    def change(self):
        self.sql(self.app, "UPDATE video SET title = 'TWO' WHERE id = 2", "DELETE FROM video WHERE id = 1",
                 "INSERT INTO video VALUES (9, 'nine', x'01')", "UPDATE tag SET count = 3 WHERE name = 'b'")

    def diff(self, status, *words):
        return self.expect(status, "diff", *words)

    def lines(self, status, *words):
        return [json.loads(line) for line in self.diff(status, *words, "--json").out.splitlines()]

    def rows(self, status, *words):
        return [(line["change"], line["table"], line["key"]) for line in self.lines(status, *words)
                if line["kind"] == "row"]


class Files(Diff):
    def test_needs_no_repository(self):
        copy = self.copy()
        self.assertIn("No differences.", self.diff(SAME, copy, "app.db").out)
        self.change()
        out = self.diff(DIFFERENT, copy, "app.db").out
        self.assertEqual(f"""--- {copy}
+++ {self.app}

Table tag
  ~ name='b': count=2 → 3
  0 inserted, 1 changed, 0 deleted

Table video
  - id=1: title='one', data=NULL
  ~ id=2: title='two' → 'TWO'
  + id=9: title='nine', data=x'01'
  1 inserted, 1 changed, 1 deleted

In all: 1 inserted, 2 changed, 1 deleted.
""", out)
        self.assertFalse(self.repository.exists())

    def test_answers_programs_line_by_line_without_loss(self):
        copy = self.copy()
        self.change()
        self.sql(self.app, "INSERT INTO video VALUES (10, CAST(x'ff61' AS TEXT), 9e999)",
                 "INSERT INTO video VALUES (11, '\u00fc', 9007199254740993)")
        lines = self.lines(DIFFERENT, copy, "app.db")
        self.assertEqual({"kind": "databases", "before": str(copy), "after": str(self.app)}, lines[0])
        rows = {line["key"]["id"]: line for line in lines if line["kind"] == "row" and line["table"] == "video"}
        self.assertEqual(("deleted", {"id": 1, "title": "one", "data": None}, None),
                         (rows[1]["change"], rows[1]["before"], rows[1]["after"]))
        self.assertEqual(("changed", {"title": "two"}, {"title": "TWO"}),
                         (rows[2]["change"], rows[2]["before"], rows[2]["after"]))
        self.assertEqual({"id": 9, "title": "nine", "data": {"$blob": "AQ=="}}, rows[9]["after"])
        self.assertEqual({"id": 10, "title": {"$text": "/2E="}, "data": {"$number": "Infinity"}}, rows[10]["after"])
        self.assertEqual({"id": 11, "title": "ü", "data": 9007199254740993}, rows[11]["after"])
        tables = {line["table"]: line for line in lines if line["kind"] == "table"}
        self.assertEqual({"kind": "table", "table": "tag", "key": ["name"], "inserted": 0, "changed": 1,
                          "deleted": 0, "only_before": [], "only_after": [], "skipped": None}, tables["tag"])
        summary = lines[-1]
        self.assertEqual(("summary", True, 3, 2, 1), tuple(
            summary[name] for name in ("kind", "different", "inserted", "changed", "deleted")))

    def test_shows_one_table_or_only_counts(self):
        copy = self.copy()
        self.change()
        self.assertEqual([("changed", "tag", {"name": "b"})], self.rows(DIFFERENT, copy, "app.db", "--table", "TAG"))
        self.assertEqual([], self.rows(DIFFERENT, copy, "app.db", "--summary"))
        out = self.diff(DIFFERENT, copy, "app.db", "--summary").out
        self.assertIn("1 inserted, 1 changed, 1 deleted", out)
        self.assertNotIn("nine", out)
        error = self.expect(43, "diff", copy, "app.db", "--table", "nowhere").err
        self.assertIn("tag, video", error)

    def test_shows_the_schema(self):
        copy = self.copy()
        self.sql(self.app, "ALTER TABLE video ADD COLUMN views DEFAULT 0", "CREATE INDEX by_title ON video (title)",
                 "CREATE VIEW v AS SELECT 1", "PRAGMA user_version = 3", "UPDATE video SET views = 5, title = 'x' WHERE id = 3")
        out = self.diff(DIFFERENT, copy, "app.db").out
        for part in ("~ setting user_version: 0 → 3", "~ table video\n      - CREATE TABLE video (",
                     "+ index by_title\n      + CREATE INDEX by_title", "+ view v", "~ id=3: title='three' → 'x'",
                     "without views", "4 differences in the schema"):
            self.assertIn(part, out)
        back = self.lines(DIFFERENT, "app.db", copy)
        self.assertIn(("deleted", "index", "by_title"), [(line["change"], line["type"], line["name"])
                                                       for line in back if line["kind"] == "schema"])

    def test_shows_where_a_long_value_differs(self):
        self.sql(self.app, f"UPDATE video SET title = '{'a' * 500}b{'a' * 500}' WHERE id = 1")
        copy = self.copy()
        self.sql(self.app, f"UPDATE video SET title = '{'a' * 500}c{'a' * 500}' WHERE id = 1")
        out = self.diff(DIFFERENT, copy, "app.db").out
        self.assertRegex(out, r"title='…a{20}ba{39}…' → '…a{20}ca{39}…'")
        self.assertIn("a" * 500 + "c" + "a" * 500, self.diff(DIFFERENT, copy, "app.db", "--verbose").out)

    def test_writes_nothing_and_leaves_nothing(self):
        copy = self.copy()
        self.sql(copy, "PRAGMA journal_mode = DELETE")
        self.sql(self.app, "PRAGMA journal_mode = DELETE")
        before = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        self.diff(SAME, copy, "app.db")
        self.assertEqual(before, {path.name: path.read_bytes() for path in self.folder.iterdir()})

    def test_says_what_it_cannot_compare(self):
        other = self.folder / "other.db"
        self.sql(other, "CREATE TABLE video (id INTEGER, title TEXT PRIMARY KEY, data)")
        answer = self.diff(DIFFERENT, "app.db", other)
        self.assertIn("not compared: its primary key was (id) and is (title)", answer.out)
        (self.folder / "text.db").write_text("no database")
        self.expect(32, "diff", "app.db", "text.db")
        self.expect(30, "diff", "app.db", "nowhere.db")
        self.expect(38, "diff", "app.db", "nowhere", HOLDFAST_REPO=None)
        self.expect(2, "diff", "app.db")
        self.expect(2, "diff")
        self.expect(2, "diff", "a.db", "b.db", "c.db")

    def test_ends_quietly_when_nobody_reads_on(self):
        copy = self.copy()
        self.sql(self.app, """WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
                              INSERT INTO video SELECT i, i, i FROM n""")
        done = subprocess.run(f"{PROGRAM} diff {copy} app.db | head -5", shell=True, cwd=self.folder, text=True,
                              env=self.environment, capture_output=True, timeout=60, check=False)
        self.assertEqual(5, len(done.stdout.splitlines()))
        self.assertEqual("", done.stderr)


class History(Diff):
    def setUp(self):
        super().setUp()
        self.init()
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.environment["TMPDIR"] = str(self.scratch)

    def tearDown(self):
        self.assertEqual([], list(self.scratch.iterdir()))

    def test_compares_a_snapshot_with_its_database_as_it_stands(self):
        self.backup()
        self.assertEqual([], self.rows(SAME, "latest"))
        self.change()
        changes = [("changed", "tag", {"name": "b"}), ("deleted", "video", {"id": 1}),
                   ("changed", "video", {"id": 2}), ("inserted", "video", {"id": 9})]
        self.assertEqual(changes, self.rows(DIFFERENT, "latest"))
        self.assertEqual(changes, self.rows(DIFFERENT, "latest", "app.db"))
        self.assertIn(("deleted", "video", {"id": 9}), self.rows(DIFFERENT, "app.db", "latest"))

    def test_compares_any_two_snapshots(self):
        first = self.backup("app.db", "--name", "first")["snapshot"]
        self.change()
        self.backup()
        self.sql(self.app, "INSERT INTO video VALUES (20, 'twenty', 20)")
        last = self.backup()["snapshot"]
        self.assertEqual(4, len(self.rows(DIFFERENT, "first", "index:2")))
        self.assertEqual([("inserted", "video", {"id": 20})], self.rows(DIFFERENT, "index:2", "latest"))
        self.assertEqual(5, len(self.rows(DIFFERENT, first[:8], last[:8])))
        self.assertEqual([], self.rows(SAME, "latest", "index:1"))
        self.assertRegex(self.diff(DIFFERENT, "first", "latest").out, rf"^--- snapshot {first[:8]} of .* \(app\)\n")
        self.expect(15, "diff", "nonesuch", "latest")
        self.expect(2, "diff", "index:0", "latest")

    def test_takes_the_database_of_the_other_side(self):
        users = self.database("users.db")
        self.backup("app.db", "users.db")
        self.sql(users, "DELETE FROM item WHERE id = 1")
        self.assertEqual([("deleted", "item", {"id": 1})], self.rows(DIFFERENT, "latest", "users.db"))
        self.assertEqual([], self.rows(SAME, "latest", "app.db"))
        self.assertEqual([("deleted", "item", {"id": 1})], self.rows(DIFFERENT, "latest", "--database", "users"))
        error = self.failure(2, "diff", "latest")
        self.assertIn("app, users", error["message"])

    def mark(self, name):
        """Once everything is durable: a machine that is busy may need longer than a mark waits."""
        for _ in range(10):
            if self.run_program("mark", name).status == 0:
                return
        self.fail("what was committed does not become durable")

    def test_compares_moments_of_a_timeline(self):
        self.configure('[databases.app]\nsource = "app.db"\n')
        replicator = Follower(self, "app")
        replicator.wait_until_following()
        self.mark("before")
        self.change()
        self.mark("after")
        self.sql(self.app, "INSERT INTO video VALUES (30, 'thirty', 30)")
        self.mark("last")
        self.assertEqual(0, replicator.end())
        self.assertEqual(4, len(self.rows(DIFFERENT, "mark:before", "mark:after")))
        self.assertEqual([("inserted", "video", {"id": 30})], self.rows(DIFFERENT, "mark:after", "app"))
        self.assertEqual([], self.rows(SAME, "mark:last"))
        self.assertEqual([], self.rows(SAME, "at:now", "app.db"))


if __name__ == "__main__":
    unittest.main()
