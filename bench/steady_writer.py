"""An application that commits one row at a time, at a given rate or as fast as it can, and remembers when.

steady_writer.py OPTIONS-JSON with: paths (one database or several, in turn), rate (commits a second of
all of them; 0: as fast as it can), seconds or commits (when to end), times (file for the moments of all
commits: int64 nanoseconds since 1970 when it had returned, one after the other; "" for none).
Answers with one line of JSON. It has no busy timeout: each BUSY is an error that it saw.
"""

import array
import json
import random
import sqlite3
import sys
import time

TABLE = "CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)"


def connect(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def create(path, rows=0):
    connection = connect(path)
    connection.execute(TABLE)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO event (at, text) VALUES (?, ?)",
                           ((number, text(number)) for number in range(rows)))
    connection.execute("COMMIT")
    connection.close()


def text(number):
    return f"{number * 2654435761 % (1 << 64):016x}" * 4


def write(options):
    connections = [connect(path) for path in options["paths"]]
    rate, commits = options["rate"], options.get("commits", 0)
    times, took, errors = array.array("q"), array.array("d"), 0
    messages = set()
    begun = time.perf_counter()
    end = begun + options["seconds"] if not commits else float("inf")
    done = 0
    while not commits or done < commits:
        now = time.perf_counter()
        if now >= end:
            break
        if rate:
            due = begun + done / rate
            if now < due:
                time.sleep(due - now)
        before = time.perf_counter()
        try:
            connections[done % len(connections)].execute(
                "INSERT INTO event (at, text) VALUES (?, ?)",
                (done, text(random.getrandbits(40))))
        except sqlite3.Error as error:
            errors += 1
            messages.add(str(error))
            continue
        times.append(time.time_ns())
        took.append(time.perf_counter() - before)
        done += 1
    seconds = time.perf_counter() - begun
    if options["times"]:
        with open(options["times"], "wb") as file:
            times.tofile(file)
    for connection in connections:
        connection.close()
    waits = sorted(took)
    return {"commits": done, "seconds": seconds, "errors": errors, "messages": sorted(messages),
            "commit_p50": waits[len(waits) // 2] if waits else None,
            "commit_p99": waits[len(waits) * 99 // 100] if waits else None}


if __name__ == "__main__":
    print(json.dumps(write(json.loads(sys.argv[1]))))
