#!/usr/bin/python3
"""Stands in for Holdfast where the chaos itself is tested: keeps whole copies of each database.

COPYING says how: "honest" by SQLite's backup; "torn" by reading the file page by page while it is
written; "forgetful" acknowledges every third copy without keeping it.
"""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import sys
import time

REPOSITORY = pathlib.Path(os.environ["HOLDFAST_REPO"])
MANNER = os.environ.get("COPYING", "honest")


def option(words, name):
    return words[words.index(name) + 1] if name in words else None


def torn_copy(source, target):
    with open(source, "rb") as database, open(target, "wb") as copy:
        while piece := database.read(4096):
            copy.write(piece)
            time.sleep(0.0002)


def true_copy(source, target):
    read, write = sqlite3.connect(source, timeout=5), sqlite3.connect(target)
    read.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    read.backup(write)
    write.close()
    read.close()


def keep(source, number):
    folder = REPOSITORY / pathlib.Path(source).stem
    folder.mkdir(exist_ok=True)
    unfinished = folder / f"+{os.getpid()}"
    unfinished.unlink(missing_ok=True)
    (torn_copy if MANNER == "torn" else true_copy)(source, unfinished)
    moment = time.time()
    if not (MANNER == "forgetful" and number % 3 == 0):
        os.rename(unfinished, folder / f"{number:08}-{int(moment * 1e6)}")
    position = f"1.{number}"
    print(json.dumps({"event": "durable", "database": pathlib.Path(source).stem, "position": position,
                      "commits": 1, "time": time.strftime("%FT%TZ", time.gmtime(moment))}), flush=True)


def replicate(words):
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    sources = [word for word in words if word.endswith(".db")]
    while True:
        last = not going
        for source in sources:
            try:
                number = len(list((REPOSITORY / pathlib.Path(source).stem).glob("[0-9]*"))) + 1
                if MANNER == "forgetful":
                    number = int(time.time() * 20)
                keep(source, number)
            except (OSError, sqlite3.Error) as error:
                print(error, file=sys.stderr)
        if last:
            return 0
        time.sleep(0.1)


def restore(words):
    copies = sorted((REPOSITORY / option(words, "--database")).glob("[0-9]*"))
    position, moment = option(words, "--position"), option(words, "--at")
    if position:
        copies = [copy for copy in copies if int(copy.name[:8]) == int(position.partition(".")[2])]
    elif moment and moment != "now":
        limit = int(time.mktime(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S"))) * 1_000_000
        copies = [copy for copy in copies if int(copy.name[9:]) <= limit]
    if not copies:
        return 19
    shutil.copyfile(copies[-1], option(words, "--to"))
    return 0


def main(words):
    verb = words.pop(0)
    if verb == "init":
        REPOSITORY.mkdir(parents=True)
        return 0
    if not REPOSITORY.is_dir():
        return 10
    return {"replicate": replicate, "restore": restore}.get(verb, lambda _: 0)(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
