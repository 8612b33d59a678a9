#!/usr/bin/python3
"""Rounds of chaos against the write path: tests/chaos/write_chaos.py --rounds 500

Writers over HTTP, with commands and past Holdfast, while the server is killed and the disk, the locks and
the place of the database fail. Each round is drawn from a seed that is printed; `--seed SEED --rounds 1`
plays it again (the same choices; the machine's own timing is what it is). What a round does stands in
write_round.py, what must hold at its end in write_ledger.py. A round that fails keeps its folder.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import sys
import time

import chaos
import write_round

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
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


def report(number, seed, answer):
    failure, figures, story, folder = answer
    brief = ", ".join(f"{amount} {name}" for name, amount in sorted(figures.items()))
    chaos.say(f"round {number} seed {seed}: {'FAILED' if failure else 'ok'} ({brief})")
    if failure:
        for line in story:
            chaos.say(f"    {line}")
        chaos.say(f"  {failure}\n  again: tests/chaos/write_chaos.py --seed {seed} --rounds 1\n  kept: {folder}")


def main(words=None):
    chosen = arguments(words)
    begun = time.monotonic()
    totals, failed, held = collections.Counter(), 0, 0
    drawn = chaos.seeds(chosen)

    def one(number, seed):
        if time.monotonic() - begun > chosen.longest:
            return None
        chaos.say(f"round {number} seed {seed} begins")
        return write_round.play(seed, chosen.holdfast, chosen)

    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        rounds = {}
        for number in range(1, chosen.rounds + 1):
            seed = next(drawn)
            rounds[pool.submit(one, number, seed)] = number, seed
        for future in concurrent.futures.as_completed(rounds):
            answer = future.result()
            if answer is None:
                continue
            report(*rounds[future], answer)
            totals.update(answer[1])
            failed += bool(answer[0])
            held += not answer[0]
    figures = ", ".join(f"{name} {amount:,}" for name, amount in sorted(totals.items()))
    chaos.say(f"{held} rounds held, {failed} failed: {figures}, seconds {time.monotonic() - begun:.1f}")
    return 1 if failed or not held else 0


if __name__ == "__main__":
    sys.exit(main())
