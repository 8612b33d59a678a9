"""An application of its own process that writes to a ledger as fast as it can: writer.py OPTIONS-JSON.

Ends at SIGTERM, closing in good order; prints one line of JSON with what it saw.
"""

import json
import random
import signal
import sqlite3
import sys
import time

import ledger


class Writer:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options["seed"])
        self.journal = ledger.Journal(options["journal_file"])
        self.going = True
        self.commits = self.busy = 0
        self.errors = []
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.connection = self.connect()

    def stop(self, *_):
        self.going = False

    def connect(self):
        connection = sqlite3.connect(
            self.options["path"], isolation_level=None, timeout=self.options["timeout"])
        connection.execute(f"PRAGMA synchronous={self.options['synchronous']}")
        connection.execute(f"PRAGMA wal_autocheckpoint={self.options['autocheckpoint']}")
        if self.options["cache"]:
            # So small that pages of an open transaction already go to the log.
            connection.execute(f"PRAGMA cache_size={self.options['cache']}")
            connection.execute("PRAGMA cache_spill=1")
        return connection

    def change_items(self, digest, steps):
        for _ in range(steps):
            identity = self.random.randrange(1, self.options["items"] + 1)
            old = self.connection.execute(
                "SELECT body FROM item WHERE id = ?", (identity,)).fetchone()
            if old:
                digest = ledger.toggled(digest, identity, old[0])
            if old and self.random.random() < 0.3:
                self.connection.execute("DELETE FROM item WHERE id = ?", (identity,))
                continue
            size = self.random.randrange(10, 400)
            if self.random.random() < self.options["large"]:
                size = self.random.randrange(2_000, 60_000)
            body = self.random.randbytes(size)
            self.connection.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", (identity, body))
            digest = ledger.toggled(digest, identity, body)
        return digest

    def transaction(self):
        pick = self.random.random()
        steps = 1 if pick < 0.8 else self.random.randrange(2, 12)
        if pick > 1 - self.options["huge"]:
            steps = self.random.randrange(300, 3_000)
        give_up = self.random.random() < 0.03
        self.connection.execute("BEGIN IMMEDIATE")
        _, digest, _ = ledger.newest(self.connection)
        digest = self.change_items(digest, steps)
        number, chained = ledger.append(self.connection, digest)
        if give_up:
            self.connection.execute("ROLLBACK")
            return
        self.journal.say("begin", number, chained)
        try:
            self.connection.execute("COMMIT")
        except sqlite3.OperationalError:
            # It is ours to say that this one never was: nothing else may commit it.
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self.journal.say("given-up", number, chained)
            raise
        self.journal.say("committed", number, chained)
        self.commits += 1

    def now_and_then(self):
        pick = self.random.random()
        if pick < self.options["checkpoint"]:
            kind = self.random.choice(("PASSIVE", "FULL", "RESTART", "TRUNCATE"))
            self.connection.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        elif pick < self.options["checkpoint"] + self.options["vacuum"]:
            self.connection.execute(self.random.choice(
                ("VACUUM", "PRAGMA incremental_vacuum(20)", "VACUUM"))).fetchall()
        elif pick < self.options["checkpoint"] + self.options["vacuum"] + self.options["switch"]:
            self.switch()
        elif pick > 0.9995:
            self.connection.close()
            self.connection = self.connect()

    def switch(self):
        """Another journal mode. SQLite does not wait where this needs the database alone, so one
        who does this at all tries again for a while."""
        mode = self.random.choice(("WAL", "DELETE", "WAL", "TRUNCATE", "PERSIST"))
        end = time.monotonic() + (3 if self.options["alone"] else 0.3)
        while True:
            try:
                self.connection.execute(f"PRAGMA journal_mode={mode}").fetchone()
                return
            except sqlite3.OperationalError:
                if time.monotonic() > end:
                    if self.options["alone"]:
                        raise
                    return
                time.sleep(0.005)

    def run(self):
        pause = self.options["pause"]
        while self.going:
            try:
                self.transaction()
                self.now_and_then()
            except sqlite3.OperationalError as error:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                text = str(error)
                if "locked" in text or "busy" in text:
                    self.busy += 1
                if len(self.errors) < 5:
                    self.errors.append(f"{time.time():.3f} {text}")
                if "locked" not in text and "busy" not in text:
                    break
            if pause:
                time.sleep(self.random.random() * pause)
        try:
            self.connection.close()
        finally:
            print(json.dumps({"commits": self.commits, "busy": self.busy, "errors": self.errors}),
                  flush=True)


if __name__ == "__main__":
    Writer(json.loads(sys.argv[1])).run()
