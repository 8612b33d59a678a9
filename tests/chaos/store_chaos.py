#!/usr/bin/python3
"""Rounds of everything at once: tests/chaos/store_chaos.py --rounds 300

Backups, restores, prunes, replication and all the rest work on one repository, with kills in between: in a
folder, or, with --store s3, over a service of S3 that fails as a seed says (tests/services/chaotic_s3.py). Each round is drawn from a seed that is printed; `--seed
SEED --rounds 1` plays it again (the same choices; the machine's own timing is what it is). What a round
proves stands in store_round.py. A round that fails keeps its folder, with the faults in s3-faults.log.
"""

import argparse
import os
import pathlib
import sys

import chaos
import store_round

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="%(default)s without this")
    parser.add_argument("--seed", type=int, metavar="S",
                        help="of the first round; the others follow from it")
    parser.add_argument("--seconds", type=float, default=4.0,
                        help="how long a round disturbs (%(default)s)")
    parser.add_argument("--restores", type=int, default=4,
                        help="random positions restored of each database, and four times as many snapshots "
                             "(%(default)s)")
    parser.add_argument("--patience", type=float, default=120.0,
                        help="seconds until a command must have ended (%(default)s)")
    parser.add_argument("--minutes", action="store_true",
                        help="let some disturbances last up to a minute")
    parser.add_argument("--jobs", type=int, default=1, help="rounds at once (%(default)s)")
    parser.add_argument("--longest", type=float, default=float("inf"), metavar="SECONDS",
                        help="begin no round later than this")
    parser.add_argument("--keep", action="store_true", help="keep the folders of rounds that hold, too")
    parser.add_argument("--store", choices=("local", "s3"), default="local",
                        help="where the repository is (%(default)s)")
    parser.add_argument("--lose", metavar="FOLDER",
                        help="lose an object there behind the program's back, to see whether it is noticed")
    parser.add_argument("--results", type=pathlib.Path, help="write a summary there, as JSON")
    parser.add_argument("--holdfast", type=pathlib.Path,
                        default=os.environ.get("HOLDFAST", ROOT / "build" / "release" / "holdfast"))
    chosen = parser.parse_args(words)
    chosen.holdfast = pathlib.Path(chosen.holdfast).resolve()
    return chosen


if __name__ == "__main__":
    options = arguments()
    sys.exit(chaos.play_rounds(options, store_round.StoreRound, f"store_chaos.py --store {options.store}"))
