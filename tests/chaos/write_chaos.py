#!/usr/bin/python3
"""Rounds of chaos against the write path: tests/chaos/write_chaos.py --rounds 500

Writers over HTTP, with commands and past Holdfast, while the server is killed and the database fails: the disk,
the locks and the place of a SQLite database (sqlite_round.py), the connections, the locks and the server of a
PostgreSQL database (postgres_round.py). Each round is drawn from a seed that is printed; `--engine ENGINE
--seed SEED --rounds 1` plays it again (the same choices; the machine's own timing is what it is). What is common
to all rounds stands in write_round.py, what must hold at their end in write_ledger.py. A round that fails
keeps its folder.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import sys
import time

import chaos
import postgres_round
import sqlite_round
import write_round

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUNDS = {"sqlite": sqlite_round.SqliteRound, "postgres": postgres_round.PostgresRound}
BOTH = ("sqlite", "postgres", "sqlite")  # each third round is on PostgreSQL


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--engine", choices=[*ROUNDS, "both"], default="both", help="%(default)s without this")
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="%(default)s without this")
    parser.add_argument("--seed", type=int, metavar="S", help="of the first round; the others follow from it")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a round disturbs (%(default)s)")
    parser.add_argument("--slowness", type=float, default=1.0, help="factor of each disturbance (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="rounds at once (%(default)s)")
    parser.add_argument("--longest", type=float, default=float("inf"), metavar="SECONDS",
                        help="begin no round later than this")
    parser.add_argument("--keep", action="store_true", help="keep the folders of rounds that hold, too")
    parser.add_argument("--holdfast", type=pathlib.Path,
                        default=os.environ.get("HOLDFAST", ROOT / "build" / "release" / "holdfast"))
    chosen = parser.parse_args(words)
    chosen.holdfast = pathlib.Path(chosen.holdfast).resolve()
    return chosen


def report(number, engine, seed, answer):
    failure, figures, story, folder = answer
    brief = ", ".join(f"{amount} {name}" for name, amount in sorted(figures.items()))
    chaos.say(f"round {number} {engine} seed {seed}: {'FAILED' if failure else 'ok'} ({brief})")
    if failure:
        for line in story:
            chaos.say(f"    {line}")
        chaos.say(f"  {failure}\n  again: tests/chaos/write_chaos.py --engine {engine} --seed {seed} --rounds 1\n"
                  f"  kept: {folder}")


def main(words=None):
    chosen = arguments(words)
    begun = time.monotonic()
    totals, failed, held = collections.Counter(), 0, collections.Counter()
    drawn = chaos.seeds(chosen)

    def one(number, engine, seed):
        if time.monotonic() - begun > chosen.longest:
            return None
        chaos.say(f"round {number} {engine} seed {seed} begins")
        return write_round.play(ROUNDS[engine](seed, chosen.holdfast, chosen), chosen)

    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        rounds = {}
        for number in range(1, chosen.rounds + 1):
            engine = BOTH[number % len(BOTH)] if chosen.engine == "both" else chosen.engine
            round_of = number, engine, next(drawn)
            rounds[pool.submit(one, *round_of)] = round_of
        for future in concurrent.futures.as_completed(rounds):
            answer = future.result()
            if answer is None:
                continue
            report(*rounds[future], answer)
            totals.update(answer[1])
            failed += bool(answer[0])
            held[rounds[future][1]] += not answer[0]
    figures = ", ".join(f"{name} {amount:,}" for name, amount in sorted(totals.items()))
    engines = ", ".join(f"{amount} on {engine}" for engine, amount in sorted(held.items()) if amount)
    chaos.say(f"{held.total()} rounds held ({engines}), {failed} failed: {figures}, "
              f"seconds {time.monotonic() - begun:.1f}")
    return 1 if failed or not held.total() else 0


if __name__ == "__main__":
    sys.exit(main())
