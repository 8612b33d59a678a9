#!/usr/bin/python3
"""Rounds of chaos against `holdfast replicate`: tests/chaos/chaos.py --rounds 500

Each round is drawn from a seed that is printed; `--seed SEED --rounds 1` plays it again (the same
choices; the machine's own timing is what it is). What a round proves stands in one_round.py, how a
database proves which moment it is of in ledger.py. A round that fails keeps its folder.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import sys
import time

import one_round

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="%(default)s without this")
    parser.add_argument("--seed", type=int, metavar="S",
                        help="of the first round; the others follow from it")
    parser.add_argument("--seconds", type=float, default=3.0,
                        help="how long a round disturbs (%(default)s)")
    parser.add_argument("--restores", type=int, default=4,
                        help="random positions restored of each database (%(default)s)")
    parser.add_argument("--verified", type=float, default=0.2,
                        help="share of rounds that end with `verify --all --read-data` (%(default)s)")
    parser.add_argument("--patience", type=float, default=90.0,
                        help="seconds until the newest state must be shipped (%(default)s)")
    parser.add_argument("--minutes", action="store_true",
                        help="let some disturbances last up to a minute (as from 100 rounds on)")
    parser.add_argument("--jobs", type=int, default=1, help="rounds at once (%(default)s)")
    parser.add_argument("--longest", type=float, default=float("inf"), metavar="SECONDS",
                        help="begin no round later than this")
    parser.add_argument("--keep", action="store_true", help="keep the folders of rounds that hold, too")
    parser.add_argument("--results", type=pathlib.Path, help="write a summary there, as JSON")
    parser.add_argument("--holdfast", type=pathlib.Path,
                        default=os.environ.get("HOLDFAST", ROOT / "build" / "release" / "holdfast"))
    chosen = parser.parse_args(words)
    chosen.holdfast = pathlib.Path(chosen.holdfast).resolve()
    chosen.minutes = chosen.minutes or chosen.rounds >= 100
    return chosen


def seeds(chosen):
    first = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 32)
    yield first
    following = random.Random(first)
    while True:
        yield following.randrange(1 << 32)


def say(text):
    print(text + "\n", end="", flush=True)  # whole lines, also from several threads


def report(number, seed, answer, totals, program):
    failure, figures, story, folder = answer
    for name, amount in figures.items():
        if name == "converged_after":
            totals[name] = max(totals.get(name, 0.0), amount)
        else:
            totals[name] = totals.get(name, 0) + amount
    totals["rounds"] = totals.get("rounds", 0) + 1
    brief = ", ".join(f"{figures[name]} {name}" for name in ("commits", "acknowledged", "restored"))
    say(f"round {number} seed {seed}: {'FAILED' if failure else 'ok'} ({brief})")
    if failure:
        totals.setdefault("failed", []).append({"seed": seed, "why": failure})
        for line in story:
            say(f"    {line}")
        say(f"  {failure}\n  again: tests/chaos/{program} --seed {seed} --rounds 1\n  kept: {folder}")


def play_rounds(chosen, kind, program):
    """Rounds of this kind, as chosen; the exit status."""
    begun = time.monotonic()
    totals = {"failed": []}
    drawn = seeds(chosen)
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        running = {}
        number = 0
        while True:
            while (number < chosen.rounds and len(running) < chosen.jobs
                   and time.monotonic() - begun < chosen.longest):
                number += 1
                seed = next(drawn)
                say(f"round {number} seed {seed} begins")
                running[pool.submit(one_round.play, seed, chosen.holdfast, chosen, kind)] = (number, seed)
            if not running:
                break
            done, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                report(*running.pop(future), future.result(), totals, program)
    totals["seconds"] = round(time.monotonic() - begun, 1)
    if chosen.results:
        chosen.results.parent.mkdir(parents=True, exist_ok=True)
        chosen.results.write_text(json.dumps(totals, indent=1) + "\n", encoding="utf-8")
    failed = len(totals["failed"])
    say(f"{totals.get('rounds', 0) - failed} rounds held, {failed} failed: "
        + ", ".join(f"{name} {totals[name]:,}" for name in
                    ("commits", "acknowledged", "snapshots", "restored", "commands", "killed", "faults",
                     "busy", "restarts", "seconds") if name in totals))
    return 1 if failed or not totals.get("rounds") else 0


def main(words=None):
    return play_rounds(arguments(words), one_round.Round, "chaos.py")


if __name__ == "__main__":
    sys.exit(main())
