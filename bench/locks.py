"""How long an application waits because a backup is running.

The application is another process. It writes with `synchronous=OFF`, so that what is measured is
waiting for locks and not for the disk, and with no busy timeout: when SQLite says BUSY it tries again
after 1 ms, so that the wait is measured to the millisecond and not to SQLite's growing naps.
"""

import multiprocessing
import os
import shutil
import sqlite3
import time

import peers

NAP = 0.001


def tenaciously(action, deadline):
    """Repeats `action` until it succeeds: (seconds it took, how often it was refused)."""
    begun = time.monotonic()
    refused = 0
    while True:
        try:
            if action():
                return time.monotonic() - begun, refused
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise
        refused += 1
        if time.monotonic() > deadline:
            return time.monotonic() - begun, refused
        time.sleep(NAP)


def application(path, journal, checkpoint, seconds, result):
    """Updates rows one transaction after another; where `checkpoint` is named ("TRUNCATE"), that
    blocking checkpoint is what is measured, every twentieth of a second."""
    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    db.execute("PRAGMA synchronous=OFF")
    if checkpoint:
        db.execute("PRAGMA wal_autocheckpoint=0")
    table, column = ("document", "views")
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'document'").fetchone():
        raise SystemExit("bench: --lock needs one of the generated databases")
    rows = db.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
    waits, refused, number = [], 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        identity = number * 7919 % rows + 1
        change = f"UPDATE {table} SET {column} = {column} + 1 WHERE id = {identity}"

        def commit():
            if not db.in_transaction:
                db.execute("BEGIN IMMEDIATE")
                db.execute(change)
            db.execute("COMMIT")
            return True

        waited, times = tenaciously(commit, end + 30)
        if not checkpoint:
            waits.append(waited)
            refused += times
        elif number % 10 == 0:
            waited, times = tenaciously(
                lambda: db.execute(f"PRAGMA wal_checkpoint({checkpoint})").fetchone()[0] == 0,
                end + 30,
            )
            waits.append(waited)
            refused += times
        time.sleep(0.005)
    db.close()
    result.send({"count": len(waits), "refused": refused, "longest": max(waits, default=0.0)})


def watch(tool, live, journal, checkpoint, seconds):
    """Runs the application for so long, and `tool`'s backups in a loop beside it if there is one."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(
        target=application, args=(live, journal, checkpoint, seconds, there)
    )
    process.start()
    backups = 0
    largest_log = 0
    while process.is_alive() and tool:
        if backups % 2:
            tool.backup()  # again, with what has changed meanwhile
        else:
            # A first backup reads and stores everything: the longest there is.
            shutil.rmtree(tool.repository, ignore_errors=True)
            shutil.rmtree(tool.work / "cache", ignore_errors=True)
            tool.init()
            tool.backup()
        backups += 1
        log = f"{live}-wal"
        largest_log = max(largest_log, os.path.getsize(log) if os.path.exists(log) else 0)
    process.join()
    answer = here.recv() if here.poll() else None
    if answer is None or process.exitcode:
        raise SystemExit("bench: the writing process failed")
    return {**answer, "backups": backups, "largest_log": largest_log}


CASES = (
    ("WAL: commit", "WAL", None, True),
    ("WAL: checkpoint TRUNCATE", "WAL", "TRUNCATE", False),
    ("WAL: checkpoint RESTART", "WAL", "RESTART", False),
    ("rollback journal: commit", "DELETE", None, False),
)


def measure_all(binary, source, work, seconds, clone):
    peers.Holdfast.binary = str(binary)
    rows = []
    for title, journal, checkpoint, never_refused in CASES:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        live = work / "live.db"
        clone(source, live)
        switch = sqlite3.connect(live, isolation_level=None)
        switch.execute(f"PRAGMA journal_mode={journal}").fetchone()
        switch.close()
        os.sync()
        alone = watch(None, live, journal, checkpoint, min(seconds, 5))
        tool = peers.Holdfast(work, live)
        during = watch(tool, live, journal, checkpoint, seconds)
        rows.append({"title": title, "never_refused": never_refused, "alone": alone,
                     "during": during})
        shutil.rmtree(work)
    return rows

