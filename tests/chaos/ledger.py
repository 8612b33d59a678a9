"""A database that proves by itself which moment it is of.

Each transaction appends one row to `ledger`: its number, a nonce, a digest of all items as they are
after it, and a hash over these and the hash of the row before. So the last hash stands for the whole
history; a state whose chain is unbroken, whose items have the digest of the last row and whose pages
SQLite finds intact is exactly the state after that one transaction. Whether that transaction was ever
committed is known from the journals that the writers keep beside the database.
"""

import hashlib
import os
import pathlib
import sqlite3
import time

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS ledger (number INTEGER PRIMARY KEY, nonce BLOB NOT NULL,
       items BLOB NOT NULL, hash BLOB NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS item_body ON item (substr(body, 1, 12))",
)
NOTHING = bytes(32)


def link(previous, number, nonce, items):
    return hashlib.sha256(b"".join((previous, number.to_bytes(8, "big"), nonce, items))).digest()


def toggled(items, identity, body):
    """`items` with one row taken in, or out: the digest does not depend on the order of changes."""
    row = hashlib.sha256(identity.to_bytes(8, "big") + body).digest()
    return (int.from_bytes(items, "big") ^ int.from_bytes(row, "big")).to_bytes(32, "big")


def create(path, page_size, mode, auto_vacuum, items, random, journal):
    """A new database with some items and the first row of a ledger that no other has."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=20)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute(f"PRAGMA auto_vacuum={auto_vacuum}")
    connection.execute(f"PRAGMA journal_mode={mode}").fetchone()
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        connection.execute(statement)
    digest = NOTHING
    for identity in range(1, items + 1):
        body = random.randbytes(random.randrange(20, 900))
        connection.execute("INSERT INTO item VALUES (?, ?)", (identity, body))
        digest = toggled(digest, identity, body)
    number, chained = append(connection, digest)
    journal.say("begin", number, chained)
    connection.execute("COMMIT")
    journal.say("committed", number, chained)
    connection.close()


def newest(connection):
    row = connection.execute(
        "SELECT number, items, hash FROM ledger ORDER BY number DESC LIMIT 1").fetchone()
    return (row[0], row[1], row[2]) if row else (0, NOTHING, NOTHING)


def append(connection, items):
    """The ledger's row of the transaction that is open: (number, hash)."""
    number, _, previous = newest(connection)
    nonce = os.urandom(8)
    number += 1
    chained = link(previous, number, nonce, items)
    connection.execute("INSERT INTO ledger VALUES (?, ?, ?, ?)", (number, nonce, items, chained))
    return number, chained.hex()


class Journal:
    """What one writer says of its transactions, in a file of its own that outlives a kill: a line
    before each commit and one after it."""

    def __init__(self, path):
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, word, number, chained):
        line = f"{word} {number} {chained} {time.time_ns() // 1000}\n"
        os.write(self.handle, line.encode())


class Commits:
    """All that the writers of one database ever committed, or were about to when they were killed."""

    def __init__(self):
        self.begun = {}  # hash: when its commit began, µs since 1970
        self.ended = {}  # hash: when it had been committed
        self.numbers = {}

    def add(self, number, chained, begun, ended):
        self.numbers[chained] = number
        self.begun[chained] = begun
        if ended is not None:
            self.ended[chained] = ended

    @staticmethod
    def read(paths):
        commits = Commits()
        for path in paths:
            waiting = None
            for line in pathlib.Path(path).read_text(encoding="ascii").splitlines(keepends=True):
                if not line.endswith("\n"):
                    break  # killed while it wrote this
                word, number, chained, moment = line.split()
                if word == "begin":
                    waiting = (int(number), chained, int(moment))
                elif word == "committed":
                    commits.add(int(number), chained, waiting[2], int(moment))
                    waiting = None
                elif word == "given-up":
                    waiting = None
            if waiting:
                commits.add(waiting[0], waiting[1], waiting[2], None)
        return commits

    def __contains__(self, chained):
        return chained in self.begun


class Wrong(Exception):
    """A state that is not what it should be."""


class State:
    """What a database file says it is, after everything it says was checked."""

    def __init__(self, number, chained, chain):
        self.number = number
        self.chained = chained
        self.chain = chain  # hashes of all its transactions, as hex, oldest first


def prove(path, commits=None):
    """The state of the database at `path`; throws Wrong where it is not exactly one committed state."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=20)
    try:
        return prove_connection(connection, commits)
    except sqlite3.DatabaseError as error:
        raise Wrong(f"SQLite says: {error}") from error
    finally:
        connection.close()


def prove_connection(connection, commits):
    damage = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    if damage != ["ok"]:
        raise Wrong(f"integrity_check: {'; '.join(damage)}")
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
        return State(0, NOTHING.hex(), [])  # as it is before its first transaction
    previous, expected, items, chain = NOTHING, 0, NOTHING, []
    for number, nonce, items, chained in connection.execute(
            "SELECT number, nonce, items, hash FROM ledger ORDER BY number"):
        expected += 1
        if number != expected:
            raise Wrong(f"transaction {expected} is missing, the next one there is {number}")
        if link(previous, number, nonce, items) != chained:
            raise Wrong(f"transaction {number} does not follow from the one before")
        previous = chained
        chain.append(chained.hex())
    digest = NOTHING
    for identity, body in connection.execute("SELECT id, body FROM item"):
        digest = toggled(digest, identity, body)
    if digest != items:
        raise Wrong(f"the items are not those of transaction {expected}")
    if expected == 0:
        raise Wrong("there are tables and no transaction")
    if commits is not None and previous.hex() not in commits:
        raise Wrong(f"transaction {expected} ({previous.hex()[:16]}) was never committed")
    return State(expected, previous.hex(), chain)
