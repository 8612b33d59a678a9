"""The tables of a round on SQLite, and what they hold at its end."""

import contextlib
import sqlite3

import write_ledger as ledger

HEALTHY = "CHECK (token NOT LIKE 'poison%')"
SCHEMA = (
    f"CREATE TABLE items (id TEXT PRIMARY KEY, token TEXT NOT NULL {HEALTHY}, size INTEGER, body TEXT, document JSON)",
    f"CREATE TABLE events (id INTEGER PRIMARY KEY, token TEXT NOT NULL {HEALTHY})",
    "CREATE TABLE history (number INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, item TEXT, token TEXT)",
    "CREATE TABLE direct (writer INTEGER, number INTEGER, PRIMARY KEY (writer, number))",
    "CREATE TRIGGER put_new AFTER INSERT ON items BEGIN "
    "INSERT INTO history (what, item, token) VALUES ('P', new.id, new.token); END",
    "CREATE TRIGGER put_again AFTER UPDATE ON items BEGIN "
    "INSERT INTO history (what, item, token) VALUES ('P', new.id, new.token); END",
    "CREATE TRIGGER deleted AFTER DELETE ON items BEGIN "
    "INSERT INTO history (what, item) VALUES ('D', old.id); END",
)
# On a table of Holdfast's own, once it is there.
TOMBSTONES = (
    "CREATE TRIGGER buried AFTER INSERT ON _holdfast_tombstones BEGIN INSERT INTO history (what, item) "
    "VALUES ('T', json_extract(new.record_key, '$[0]')); END",
    "CREATE TRIGGER unburied AFTER DELETE ON _holdfast_tombstones BEGIN INSERT INTO history (what, item) "
    "VALUES ('U', json_extract(old.record_key, '$[0]')); END",
)


def facts_of(database):
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        problem = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if problem != "ok":
            raise ledger.Wrong(f"the database is damaged: {problem}")
        return ledger.Facts(
            history=connection.execute("SELECT what, item, token FROM history ORDER BY number").fetchall(),
            rows={row[0]: row[1:] for row in connection.execute("SELECT id, token, size, body, document FROM items")},
            events=[token for token, in connection.execute("SELECT token FROM events")],
            direct=set(connection.execute("SELECT writer, number FROM direct")))
