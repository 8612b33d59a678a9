"""Makes the databases of the benchmark from a seed: the same bytes of content on every machine.

A row is a document: a title and a body of English-like words, a JSON object, and a random attachment
that no compressor can make smaller. Sizes are spread widely, as they are in life, so that some rows
share a page and others run over many.
"""

import json
import os
import pathlib
import random
import sqlite3
import sys
import time

SEED = 20250607
LARGE_ROWS = 300_000  # 1.38 GB
SMALL_ROWS = 2_200  # 10 MB
SCATTERED_UPDATES = 1_000

SCHEMA = """
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL, joined INTEGER NOT NULL);
CREATE TABLE document (
  id INTEGER PRIMARY KEY,
  author INTEGER NOT NULL REFERENCES author,
  updated INTEGER NOT NULL,
  views INTEGER NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  facts TEXT NOT NULL CHECK (json_valid(facts)),
  attachment BLOB
);
"""
INDEXES = """
CREATE INDEX document_author ON document (author);
CREATE INDEX document_updated ON document (updated);
CREATE INDEX document_title ON document (title);
"""

SYLLABLES = (
    "a al an ar be ber ca ce co con da de den der do e ed el en er es ex fa for ge gra ha hen i in "
    "ing ion is it ka la le li lo ly ma me men mi mo na ne ness ni no o of on or our pa per po pre "
    "qua ra re ri ro sa se sh si so sta ta te ter the ti tion to tra u un ur va ve vi wa we wi yo"
).split()


def vocabulary(rng):
    """Words in which a few are very common and most are rare (Zipf), as one flat list to draw from."""
    words = []
    seen = set()
    while len(words) < 12_000:
        word = "".join(rng.choices(SYLLABLES, k=rng.choice((1, 2, 2, 3, 3, 4))))
        if word not in seen:
            seen.add(word)
            words.append(word)
    words.sort(key=len)
    drawn = []
    for rank, word in enumerate(words, start=1):
        drawn.extend([word] * max(1, 30_000 // (rank + 6)))
    return drawn


def phrases(rng, words):
    """Turns of two to five words that come again and again, as they do in any language."""
    return [" ".join(rng.choices(words, k=rng.choice((2, 3, 4, 5)))) for _ in range(9_000)]


def documents(rng, rows, authors):
    words = vocabulary(rng)
    turns = phrases(rng, words)
    choices, uniform = rng.choices, rng.random
    for number in range(1, rows + 1):
        scale = rng.lognormvariate(0.0, 0.75)
        text = " ".join(choices(turns, k=int(140 * scale) + 2))
        tags = choices(words, k=4)
        readings = [int(uniform() * 1000) for _ in range(int(44 * scale) + 1)]
        facts = json.dumps(
            {
                "kind": tags[0],
                "tags": tags[1:],
                "language": "en",
                "published": number % 3 == 0,
                "score": round(uniform() * 100, 2),
                "place": {"latitude": uniform() * 180 - 90, "longitude": uniform() * 360 - 180},
                "readings": readings,
            }
        )
        yield (
            number,
            rng.randrange(1, authors + 1),
            1_500_000_000 + rng.randrange(200_000_000),
            rng.randrange(1_000, 30_000),
            " ".join(choices(words, k=6)).capitalize(),
            text.capitalize() + ".",
            facts,
            rng.randbytes(int(272 * scale)),
        )


def make(path, rows, seed=SEED, journal="WAL"):
    """Writes the database beside `path` and moves it there when it is whole."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.unlink(missing_ok=True)
    rng = random.Random(seed)
    authors = max(10, rows // 100)
    db = sqlite3.connect(unfinished, isolation_level=None)
    db.executescript("PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
    db.executescript(SCHEMA)
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO author VALUES (?, ?, ?)",
        ((n, f"author {n}", 1_400_000_000 + n) for n in range(1, authors + 1)),
    )
    db.executemany("INSERT INTO document VALUES (?,?,?,?,?,?,?,?)", documents(rng, rows, authors))
    db.executescript(INDEXES)
    if db.in_transaction:
        db.execute("COMMIT")
    db.execute(f"PRAGMA journal_mode={journal}")
    db.close()
    os.replace(unfinished, path)


def cached(folder, name, rows):
    """The database of that name under `folder`, made if it is not there yet. A change of this very
    file makes it anew."""
    age = int(pathlib.Path(__file__).stat().st_mtime)
    path = pathlib.Path(folder) / f"{name}-{SEED}.db"
    if not path.exists() or path.stat().st_mtime < age:
        begun = time.monotonic()
        print(f"making {path} …", file=sys.stderr, flush=True)
        make(path, rows)
        size = path.stat().st_size / 1e6
        print(f"  {size:,.0f} MB in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return path


def scatter_updates(db, count=SCATTERED_UPDATES, seed=SEED):
    """Updates `count` rows all over the database in one transaction. Works on any database that has
    a table `document` of this generator, and on any other that has an ordinary rowid table: there, the
    first text column of the largest table gets a space at its end."""
    rng = random.Random(seed)
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'document'").fetchone():
        highest = db.execute("SELECT max(id) FROM document").fetchone()[0]
        chosen = rng.sample(range(1, highest + 1), min(count, highest))
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "UPDATE document SET views = views + 1, updated = updated + 7 WHERE id = ?",
            ((number,) for number in chosen),
        )
        db.execute("COMMIT")
        return len(chosen)
    table, column = largest_table(db)
    rows = [row[0] for row in db.execute(f'SELECT rowid FROM "{table}"')]
    chosen = rng.sample(rows, min(count, len(rows)))
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        f'UPDATE "{table}" SET "{column}" = "{column}" || \' \' WHERE rowid = ?',
        ((number,) for number in chosen),
    )
    db.execute("COMMIT")
    return len(chosen)


def largest_table(db):
    best = None
    tables = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND sql NOT LIKE 'CREATE VIRTUAL%' AND sql NOT LIKE '%WITHOUT ROWID%'"
    ).fetchall()
    for (table,) in tables:
        columns = [
            name
            for _, name, kind, _, _, key in db.execute(f'PRAGMA table_info("{table}")')
            if not key and any(word in kind.upper() for word in ("CHAR", "TEXT", "CLOB"))
        ]
        rows = db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        if columns and (best is None or rows > best[0]):
            best = (rows, table, columns[0])
    if best is None:
        raise SystemExit("bench: no table of this database has a text column to update")
    return best[1], best[2]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: make_database.py PATH [ROWS]")
    make(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else LARGE_ROWS)
