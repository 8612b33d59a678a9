"""Databases of every shape go through the real program and come back bit for bit."""

import filecmp
import sqlite3
import struct
import unittest

from holdfast import Scenario

TABLES = 100_000
LOCK_PAGE_BYTE = 1 << 30  # SQLite keeps the page that holds this byte free for its locks


class EveryShape(Scenario):
    def setUp(self):
        super().setUp()
        self.init()

    def make(self, *statements, pragmas=()):
        path = self.folder / "app.db"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path, isolation_level=None) as connection:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN")
            for statement in statements:
                connection.execute(statement)
            connection.execute("COMMIT")
        connection.close()
        return path

    def round_trip(self, path):
        """Twice, with a change between: each snapshot must come back as the file was."""
        copies = []
        for step in range(2):
            if step:
                with sqlite3.connect(path) as connection:
                    connection.execute("CREATE TABLE added (x)")
                    connection.execute("INSERT INTO added SELECT value FROM json_each('[1,2,3]')")
                connection.close()
            snapshot = self.backup(str(path))["snapshot"]
            restored = self.folder / f"restored-{step}.db"
            self.ok_json("restore", snapshot, "--to", str(restored), "--yes")
            self.assertTrue(filecmp.cmp(path, restored, shallow=False), f"step {step} differs")
            copies.append(restored)
        for copy in copies:
            copy.unlink()

    def rows(self, count=2000):
        return [
            "CREATE TABLE record (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB)",
            f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
                INSERT INTO record SELECT i, 'name ' || i, randomblob(i % 700) FROM n""",
        ]

    def test_every_page_size(self):
        for size in (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536):
            with self.subTest(page_size=size):
                self.round_trip(self.make(*self.rows(), pragmas=[f"page_size = {size}"]))

    def test_auto_vacuum_that_shrinks(self):
        for mode in ("FULL", "INCREMENTAL"):
            with self.subTest(auto_vacuum=mode):
                path = self.make(*self.rows(), pragmas=[f"auto_vacuum = {mode}"])
                self.round_trip(path)
                with sqlite3.connect(path) as connection:
                    connection.execute("DELETE FROM record WHERE id > 100")
                    connection.commit()
                    connection.execute("PRAGMA incremental_vacuum").fetchall()
                    connection.execute("DROP TABLE added")
                connection.close()
                self.round_trip(path)

    def test_without_rowid_full_text_and_r_tree(self):
        self.round_trip(self.make(
            "CREATE TABLE pair (a TEXT, b INTEGER, c BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID",
            """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
               INSERT INTO pair SELECT 'key ' || (i % 50), i, randomblob(i % 90) FROM n""",
            "CREATE VIRTUAL TABLE note USING fts5(title, body)",
            """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
               INSERT INTO note SELECT 'title ' || i, hex(randomblob(60)) || ' words of a note' FROM n""",
            "CREATE VIRTUAL TABLE place USING rtree(id, west, east, south, north)",
            """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
               INSERT INTO place SELECT i, i, i + 1, -i, 1 - i FROM n""",
            "CREATE VIEW both AS SELECT a FROM pair UNION SELECT title FROM note",
            "CREATE TRIGGER t AFTER INSERT ON pair BEGIN DELETE FROM place WHERE id = new.b; END",
        ))
        shown = self.ok_json("show", "latest")
        tables = {table["name"]: table["rows"] for table in shown["databases"][0]["tables"]}
        self.assertEqual(3000, tables["pair"])

    def test_a_schema_of_a_hundred_thousand_tables(self):
        # CREATE TABLE looks through the whole schema each time. Empty tables are appended as what they are, pages
        # that are leaves without cells, and entered into the schema at once.
        size = 512
        path = self.make("CREATE TABLE t0 (a, b)", pragmas=[f"page_size = {size}"])
        leaf = struct.pack(">BHHHB", 13, 0, 0, size, 0).ljust(size, b"\0")
        with path.open("r+b") as file:
            file.seek(0, 2)
            file.write(leaf * (TABLES - 1))
            file.seek(28)
            file.write(struct.pack(">I", 2 + TABLES - 1))
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {TABLES - 1})
                    INSERT INTO sqlite_schema
                    SELECT 'table', 't' || i, 't' || i, i + 2, 'CREATE TABLE t' || i || ' (a, b)' FROM n""")
        connection.close()
        with sqlite3.connect(path) as connection:
            self.assertEqual([("ok",)], connection.execute("PRAGMA quick_check").fetchall())
        connection.close()
        self.round_trip(path)
        shown = self.ok_json("show", "latest")
        self.assertEqual(TABLES + 1, len(shown["databases"][0]["tables"]))

    def test_the_lock_page_of_a_database_over_a_gibibyte(self):
        path = self.make(
            "CREATE TABLE big (id INTEGER PRIMARY KEY, body BLOB)",
            *["INSERT INTO big (body) VALUES (zeroblob(16 * 1024 * 1024))"] * 68,
            *self.rows(3000),
            pragmas=["page_size = 65536", "synchronous = OFF", "journal_mode = OFF"],
        )
        self.assertGreater(path.stat().st_size, LOCK_PAGE_BYTE)
        self.round_trip(path)


if __name__ == "__main__":
    unittest.main()
