"""A round on SQLite: the disk, the locks and the place of the database fail."""

import contextlib
import errno
import os
import sqlite3

import sqlite_ledger
import write_ledger as ledger
from write_round import DATABASE, SPOOL, Round
from write_site import Site


class SqliteSite(Site):
    def __init__(self, program):
        super().__init__(program)
        self.home = self.held / "database"
        self.home.mkdir()
        self.database = self.home / "app.db"

    def insert_direct(self, writer, numbers, committed):
        if not self.database.exists():
            return
        try:
            connection = sqlite3.connect(f"file:{self.database}?mode=rw", uri=True, isolation_level=None, timeout=0.2)
            try:
                for number in numbers:
                    connection.execute("INSERT INTO direct VALUES (?, ?)", (writer, number))
                    committed.append((writer, number))
            finally:
                connection.close()
        except sqlite3.OperationalError:
            pass  # locked, or moved away at this moment

    def facts(self):
        return sqlite_ledger.facts_of(self.database)

    def take_away(self):
        # The folder: its files would be parted from each other for a moment.
        self.home.rename(self.held / "away")

    def bring_back(self):
        away = self.held / "away"
        if away.exists():
            if self.home.exists():
                raise ledger.Wrong(f"something made {self.home} anew: {os.listdir(self.home)}")
            away.rename(self.home)

    def calm(self):
        super().calm()
        self.bring_back()


class SqliteRound(Round):
    source = "held/database/app.db"

    def __init__(self, seed, program, options):
        super().__init__(seed, SqliteSite(program), options)

    def draw_database(self):
        self.journal = self.random.choice(("WAL", "WAL", "DELETE"))
        # Two logs are not committed in one go: docs/records.md, "Deletes".
        self.parted = self.journal == "WAL" and self.settings["own_tables"] == "beside"
        return self.journal

    def create_database(self):
        self.execute(f"PRAGMA journal_mode={self.journal}", *sqlite_ledger.SCHEMA)

    def clean_database(self):
        self.execute("DELETE FROM events",
                     *(sqlite_ledger.TOMBSTONES if self.settings["own_tables"] == "inside" else ()))

    def execute(self, *statements):
        with contextlib.closing(sqlite3.connect(self.site.database, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def faults(self):
        faults = [self.killed, self.killed, self.ended, self.locked, self.locked, self.away]
        if self.site.library:
            faults += [self.read_only, self.disk_full, self.disk_fails, self.spool_fails, self.spool_full,
                       self.slow_syncs_anywhere]
        return faults

    @contextlib.contextmanager
    def taken_away(self):
        self.site.take_away()
        try:
            yield
        finally:
            self.site.bring_back()

    def locked(self):
        connection = sqlite3.connect(self.site.database, isolation_level=None, timeout=1)
        try:
            connection.execute(self.random.choice(("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")))
            self.meanwhile(self.length() * 2)
            connection.execute(self.random.choice(("COMMIT", "ROLLBACK")))
        except sqlite3.OperationalError:
            pass
        finally:
            connection.close()

    def read_only(self):
        self.failing(errno.EROFS, 1000, DATABASE)

    def disk_full(self):
        self.failing(errno.ENOSPC, self.random.choice((100, 500, 1000)), DATABASE)

    def disk_fails(self):
        self.failing(errno.EIO, self.random.choice((5, 30, 200)), DATABASE)

    def slow_syncs_anywhere(self):
        self.slow_syncs(self.random.choice((DATABASE, SPOOL)))
