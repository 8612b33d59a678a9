"""Corrupt databases are salvaged: at least every row that SQLite's own `.recover` finds, and no row that never was."""

import collections
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from holdfast import ROOT, Scenario

sys.path.append(str(ROOT / "bench"))
import make_database  # pylint: disable=wrong-import-position

DAMAGE = 0.05
FIRST_SEED = int(os.environ.get("HOLDFAST_SEED", "1"))
ROUNDS = int(os.environ.get("HOLDFAST_SALVAGE_ROUNDS", "1"))
# The full size of the requirement: HOLDFAST_SALVAGE_ROWS=24000 makes 110 MB of documents.
ROWS = int(os.environ.get("HOLDFAST_SALVAGE_ROWS", "1500"))
# Databases of others to damage copies of: a.db:b.db.
DATABASES = [pathlib.Path(name) for name in os.environ.get("HOLDFAST_SALVAGE_DATABASES", "").split(":") if name]


def rows_by(generator, count, make):
    return [make(generator, number) for number in range(count)]


def letters(generator, least, most):
    return "".join(generator.choices("abcdefghijklmnopqrstuvwxyzäß€", k=generator.randint(least, most)))


def run_script(connection, script):
    """Within the transaction that there is."""
    for statement in script.split(";\n"):
        connection.execute(statement)


def plain(connection, generator):
    run_script(connection, """CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, data BLOB);
        CREATE INDEX item_by_name ON item (name);
        CREATE VIEW cheap AS SELECT * FROM item WHERE price < 10;
        CREATE TABLE log (line TEXT);
        CREATE TRIGGER logged AFTER DELETE ON item BEGIN INSERT INTO log VALUES (old.name); END""")
    connection.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", rows_by(
        generator, 3000, lambda g, i: (i * 3, letters(g, 5, 60), g.random() * 100, g.randbytes(g.randint(0, 80)))))
    connection.executemany("INSERT INTO log VALUES (?)", rows_by(generator, 500, lambda g, i: (letters(g, 1, 200),)))


def without_rowid(connection, generator):
    run_script(connection, """CREATE TABLE pair (v TEXT, a TEXT, b INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID;
        CREATE TABLE other (x INTEGER, y BLOB)""")
    connection.executemany("INSERT INTO pair VALUES (?, ?, ?)", rows_by(
        generator, 4000, lambda g, i: (letters(g, 0, 90), letters(g, 3, 9), g.randint(0, 1 << 40))))
    connection.executemany("INSERT INTO other VALUES (?, ?)", rows_by(
        generator, 2000, lambda g, i: (g.choice([None, 0, 1, -1, 1 << 62, -(1 << 63)]), g.randbytes(40))))


def overflowing(connection, generator):
    connection.execute("CREATE TABLE document (name TEXT PRIMARY KEY, body BLOB, note TEXT, size INTEGER)")
    for number in range(120):
        body = generator.randbytes(generator.choice([10, 3000, 20000, 150000]))
        connection.execute("INSERT INTO document VALUES (?, ?, ?, ?)",
                           (f"document {number}", body, letters(generator, 0, 3000), len(body)))


def many_tables(connection, generator):
    for number in range(120):
        connection.execute(f"CREATE TABLE table_{number} (id INTEGER PRIMARY KEY, value TEXT, other NUMERIC)")
        count = generator.choice([0, 1, 20, 400])
        connection.executemany(f"INSERT INTO table_{number} VALUES (?, ?, ?)", rows_by(
            generator, count, lambda g, i: (g.randint(-(1 << 40), 1 << 40), letters(g, 0, 40), g.random())))


def altered(connection, generator):
    connection.execute("CREATE TABLE grown (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)")
    connection.executemany("INSERT INTO grown (a) VALUES (?)", rows_by(generator, 1500, lambda g, i: (letters(g, 5, 50),)))
    connection.execute("ALTER TABLE grown ADD COLUMN b TEXT DEFAULT 'as it was'")
    connection.execute("ALTER TABLE grown ADD COLUMN c INTEGER NOT NULL DEFAULT 7")
    connection.execute("""CREATE TABLE made (x INTEGER, y TEXT, twice INTEGER AS (x * 2) STORED, loud TEXT AS (upper(y)),
        z REAL)""")
    connection.executemany("INSERT INTO grown (a, b, c) VALUES (?, ?, ?)", rows_by(
        generator, 1500, lambda g, i: (letters(g, 5, 50), letters(g, 0, 9), i)))
    connection.executemany("INSERT INTO made (x, y, z) VALUES (?, ?, ?)", rows_by(
        generator, 1500, lambda g, i: (i, letters(g, 5, 30), float(i))))


def holed(connection, generator):
    plain(connection, generator)
    connection.execute("DELETE FROM item WHERE id % 7 = 0 OR id BETWEEN 2000 AND 4000")


SHAPES = [plain, without_rowid, overflowing, many_tables, altered, holed]
SETTINGS = [
    {"page_size": 512},
    {"page_size": 1024, "encoding": "'UTF-16le'"},
    {"page_size": 4096},
    {"page_size": 4096, "auto_vacuum": 1},
    {"page_size": 2048, "auto_vacuum": 2, "encoding": "'UTF-16be'"},
    {"page_size": 65536},
]


def stored_rows(connection, table):
    """Each row as its record has it: the rowid, and the values in the order in which they are stored."""
    quoted = f'"{table}"'
    columns = [row for row in connection.execute(f"PRAGMA table_xinfo({quoted})") if row[6] != 2]
    without = [row[4] for row in connection.execute(f"PRAGMA table_list({quoted})") if row[0] == "main"][0]
    if without:
        index = [row[1] for row in connection.execute(f"PRAGMA index_list({quoted})") if row[3] == "pk"][0]
        names = [row[2] for row in connection.execute(f'PRAGMA index_xinfo("{index}")')]
        picked = "NULL, " + ", ".join(f'"{name}"' for name in names)
    else:
        indexed = any(row[3] == "pk" for row in connection.execute(f"PRAGMA index_list({quoted})"))
        picked = "rowid, " + ", ".join(
            "NULL" if row[5] and row[2].upper() == "INTEGER" and not indexed else f'"{row[1]}"' for row in columns)
    return [tuple(row) for row in connection.execute(f"SELECT {picked} FROM {quoted}")]


def open_read_only(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return connection


def is_zeroed(row, original):
    """Whether the rows differ only where one of them ends in zeros: nothing tells a last page of zeros from a lost one."""
    def alike(a, b):
        if a == b or (a == 0 and isinstance(b, int)):
            return True
        if type(a) is not type(b) or not isinstance(a, (str, bytes)) or len(a) != len(b):
            return False
        return b.startswith(a.rstrip(b"\0" if isinstance(a, bytes) else "\0"))
    return len(row) == len(original) and all(map(alike, row, original))


def is_lost_and_found(name):
    return name.startswith("lost_and_found")


def content(path):
    """Per table the multiset of its rows."""
    connection = open_read_only(path)
    names = [name for name, in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite_stat%'")]
    answer = {name: collections.Counter(stored_rows(connection, name)) for name in names
              if not is_lost_and_found(name)}
    connection.close()
    return answer


def found(path, fields, rowid, reason="NULL"):
    """The rows in lost and found, as their records have them; with their reason."""
    connection = open_read_only(path)
    rows = []
    for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        if is_lost_and_found(name):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[1][0] == "c"]
            for row in connection.execute(f"SELECT {fields}, {rowid}, {reason}, {', '.join(columns)} FROM {name}"):
                rows.append(((row[1], *row[3:3 + row[0]]), row[2]))
    connection.close()
    return rows


def overwrite(path, page_size, generator):
    """So many of its pages, with noise or zeros."""
    pages = path.stat().st_size // page_size
    with open(path, "r+b") as file:
        for page in sorted(generator.sample(range(1, pages + 1), max(1, round(pages * DAMAGE)))):
            file.seek((page - 1) * page_size)
            file.write(generator.choice([bytes(page_size), generator.randbytes(page_size)]))


class BesideRecover(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        probe = subprocess.run(
            ["sqlite3", ":memory:", "SELECT count(*) FROM pragma_module_list WHERE name = 'sqlite_dbpage'"],
            capture_output=True, text=True, check=True)
        cls.extension = None
        if probe.stdout.strip() == "1":
            return
        folder = tempfile.TemporaryDirectory(prefix="holdfast-dbpage-")
        cls.addClassCleanup(folder.cleanup)
        cls.extension = pathlib.Path(folder.name) / "dbpage.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        source = pathlib.Path(__file__).with_name("dbpage_extension.c")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", cls.extension, source], check=True)

    def recover(self, path, *options):
        """What SQLite's own `.recover` makes of a copy: it may write to what it opens."""
        copy = path.with_suffix(".copy")
        copy.write_bytes(path.read_bytes())
        made = path.with_suffix(".recovered")
        made.unlink(missing_ok=True)
        load = [f".load {self.extension}"] if self.extension else []
        script = subprocess.run(["sqlite3", copy, *load, " ".join([".recover", *options])],
                                capture_output=True, check=False)
        subprocess.run(["sqlite3", made], input=script.stdout, capture_output=True, check=False)
        return made

    def make(self, path, shape, settings, generator):
        connection = sqlite3.connect(path, isolation_level=None)
        for name, value in settings.items():
            connection.execute(f"PRAGMA {name}={value}")
        connection.execute("PRAGMA secure_delete=OFF")  # or free pages would hold nothing
        connection.execute("BEGIN")
        shape(connection, generator)
        connection.execute("COMMIT")
        connection.close()

    def compare(self, path, original, target, *options):
        """Ours must have each true row that `.recover` has, in its table if `.recover` has it there."""
        recovered = self.recover(path, *options)
        ours, theirs = content(target), content(recovered)
        everywhere = collections.Counter(row for row, _ in found(target, "fields", "row_id"))
        for rows in ours.values():
            everywhere += rows
        truth = collections.Counter()
        for rows in original.values():
            truth += rows
        for name, rows in theirs.items():
            if name == "sqlite_sequence":
                continue
            missing = (rows & original.get(name, collections.Counter())) - ours.get(name, collections.Counter())
            self.assertEqual(0, len(missing), f"{name}: .recover finds more")
        theirs_lost = collections.Counter(row for row, _ in found(recovered, "nfield", "id"))
        missing = (theirs_lost & truth) - everywhere
        self.assertEqual(0, len(missing), ".recover finds more in no table")
        true_rows = [sum((tables.get(name, collections.Counter()) & rows).total() for name, rows in original.items())
                     for tables in (ours, theirs)]
        self.totals = [sum(pair) for pair in zip(self.totals, true_rows)]

    def expect_nothing_invented(self, original, target):
        for name, rows in content(target).items():
            if name == "sqlite_sequence":
                continue
            invented = rows - original.get(name, collections.Counter())
            known = original.get(name, collections.Counter())
            invented = [row for row in invented if not any(is_zeroed(row, old) for old in known)]
            self.assertEqual(0, len(invented), f"{name}: rows that never were")

    def salvage_beside_recover(self, path, original):
        """A damaged database, which is only read."""
        before = path.read_bytes()
        for flags, options in (((), ("--ignore-freelist",)), (("--free-pages",), ())):
            target = self.folder / "new.db"
            target.unlink(missing_ok=True)
            answer = self.run_program("salvage", path, "--to", target, *flags)
            self.assertIn(answer.status, (0, 3), answer)
            self.compare(path, original, target, *options)
            self.expect_nothing_invented(original, target)
            self.assertEqual([("ok",)], self.sql(target, "PRAGMA integrity_check"))
        self.assertEqual(before, path.read_bytes())

    def seeds(self):
        print(f"\nsalvage: seeds {FIRST_SEED} to {FIRST_SEED + ROUNDS - 1} (HOLDFAST_SEED, HOLDFAST_SALVAGE_ROUNDS)")
        return range(FIRST_SEED, FIRST_SEED + ROUNDS)

    def test_every_row_that_recover_finds_of_a_real_database_is_salvaged(self):
        path, made = self.folder / "app.db", self.folder / "documents.db"
        if not DATABASES:
            make_database.make(made, ROWS)
        for source in DATABASES or [made]:
            self.assertGreater(source.stat().st_size, 20 * 4096, "5 % of its pages are none")
            original = content(source)
            for seed in self.seeds():
                with self.subTest(source=source.name, seed=seed):
                    self.totals = [0, 0]
                    shutil.copyfile(source, path)
                    page_size = int.from_bytes(path.read_bytes()[16:18], "big")
                    overwrite(path, 65536 if page_size == 1 else page_size, random.Random(seed))
                    self.salvage_beside_recover(path, original)
                    rows = 2 * sum(rows.total() for rows in original.values())
                    print(f"{source.name}, {path.stat().st_size / 1e6:.1f} MB, seed {seed}: of {rows} rows (two runs) "
                          f"salvage has {self.totals[0]} in their tables, .recover {self.totals[1]}")

    def test_every_row_that_recover_finds_is_salvaged(self):
        self.totals = [0, 0]
        seeds = self.seeds()
        for number, (shape, settings) in enumerate((s, t) for s in SHAPES for t in SETTINGS):
            for seed in seeds:
                with self.subTest(shape=shape.__name__, settings=json.dumps(settings), seed=seed):
                    generator = random.Random(seed * 1000 + number)
                    path = self.folder / "app.db"
                    path.unlink(missing_ok=True)
                    self.make(path, shape, settings, generator)
                    original = content(path)
                    overwrite(path, settings["page_size"], generator)
                    self.salvage_beside_recover(path, original)
        ours, theirs = self.totals
        self.assertGreater(theirs, 100_000 * ROUNDS, "there was nothing to compare with")
        self.assertGreater(ours, theirs)


class Command(Scenario):
    def damaged(self, rows=2000):
        path = self.database(rows=rows, mode="delete")
        with open(path, "r+b") as file:
            file.seek(9 * 4096)
            file.write(bytes(4096))
        return path

    def test_the_answer_says_what_was_lost(self):
        path = self.damaged()
        answer = self.expect(3, "salvage", path, "--to", "new.db", "--json").json
        table, = answer["tables"]
        self.assertEqual(("item", 1), (table["name"], table["pages_lost"]))
        self.assertFalse(answer["whole"])
        self.assertEqual(str(self.folder / "new.db"), answer["target"])
        rows, = self.sql(self.folder / "new.db", "SELECT count(*) FROM item")
        self.assertEqual((table["rows"],), rows)
        self.assertTrue(1900 < rows[0] < 2000)

    def test_a_whole_database_is_copied_with_status_0(self):
        path = self.database()
        self.assertIn("Nothing is damaged", self.ok("salvage", path, "--to", "new.db").out)
        self.assertEqual(self.content(path), self.content(self.folder / "new.db"))

    def test_only_the_new_file_is_left_behind_and_is_its_owners_alone(self):
        path = self.damaged()
        before = path.read_bytes(), path.stat().st_mtime_ns
        self.expect(3, "salvage", path, "--to", "new.db")
        self.assertEqual(before, (path.read_bytes(), path.stat().st_mtime_ns))
        self.assertEqual({"app.db", "new.db"}, {entry.name for entry in self.folder.iterdir()})
        self.assertEqual(0o600, (self.folder / "new.db").stat().st_mode & 0o777)

    def test_what_is_there_is_replaced_only_if_that_is_said(self):
        path, new = self.damaged(), self.folder / "new.db"
        new.write_bytes(b"mine")
        self.assertEqual("target_exists", self.failure(52, "salvage", path, "--to", new)["code"])
        self.assertEqual(b"mine", new.read_bytes())
        self.expect(3, "salvage", path, "--to", new, "--replace")
        self.assertEqual([("ok",)], self.sql(new, "PRAGMA integrity_check"))

    def test_a_log_that_lies_at_the_target_is_not_taken_into_the_new_database(self):
        path = self.damaged()
        (self.folder / "new.db-wal").write_bytes(b"somebody's")
        self.assertEqual("target_exists", self.failure(52, "salvage", path, "--to", "new.db", "--replace")["code"])

    def test_a_database_is_never_salvaged_into_itself(self):
        path = self.damaged()
        (self.folder / "link.db").symlink_to(path)
        for target in (path, "link.db"):
            self.assertEqual("usage", self.failure(2, "salvage", path, "--to", target, "--replace")["code"])

    def test_a_file_that_is_no_database_is_refused_and_nothing_is_left(self):
        path = self.folder / "noise.db"
        path.write_bytes(random.Random(1).randbytes(100_000))
        self.assertEqual("not_a_database", self.failure(32, "salvage", path, "--to", "new.db")["code"])
        self.assertEqual("database_missing", self.failure(30, "salvage", "none.db", "--to", "new.db")["code"])
        self.assertEqual({"noise.db"}, {entry.name for entry in self.folder.iterdir()})

    def test_words_that_are_missing_are_asked_for(self):
        self.failure(2, "salvage", "--to", "new.db")
        self.failure(2, "salvage", "app.db")
        self.failure(2, "salvage", "app.db", "other.db", "--to", "new.db")

    def test_commits_that_are_only_in_the_log_are_salvaged(self):
        path = self.database(rows=100)
        connection = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute("UPDATE item SET text = 'newest' WHERE id = 7")
        answer = self.ok_json("salvage", path, "--to", "new.db")
        self.assertGreater(answer["log_frames"], 0)
        self.assertEqual([("newest",)], self.sql(self.folder / "new.db", "SELECT text FROM item WHERE id = 7"))


if __name__ == "__main__":
    unittest.main()
