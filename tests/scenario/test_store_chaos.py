"""Everything at once on one repository, and first: whether the chaos would notice a loss."""

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAOS = ROOT / "tests" / "chaos"
PROGRAM = os.environ.get("HOLDFAST", str(ROOT / "build" / "release" / "holdfast"))


class StoreChaos(unittest.TestCase):
    def chaos(self, *words, **variables):
        done = subprocess.run(
            [sys.executable, "-B", CHAOS / "store_chaos.py", "--holdfast", PROGRAM, *map(str, words)],
            text=True, env={**os.environ, **variables}, capture_output=True, timeout=1000, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_a_store_that_loses_what_it_has_acknowledged_is_noticed(self):
        for store, folder_of_objects in (("local", "packs"), ("local", "snapshots"), ("s3", "packs")):
            with tempfile.TemporaryDirectory(prefix="holdfast-losing-") as folder:
                status, said = self.chaos("--rounds", 1, "--seed", 7, "--seconds", 2, "--lose",
                                          folder_of_objects, "--store", store,
                                          TMPDIR=folder)
            self.assertEqual(1, status, said)
            self.assertIn("1 failed", said)
            self.assertIn(" lost ", said)

    def rounds(self, number, store, longest):
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"HOLDFAST_SEED={seed}", flush=True)
        status, said = self.chaos("--rounds", number, "--seed", seed, "--jobs", 2, "--store", store,
                                  "--longest", longest)
        self.assertEqual(0, status, said)
        print(said.splitlines()[-1], flush=True)

    def test_ten_rounds_of_chaos_lose_nothing_that_was_acknowledged(self):
        self.rounds(10, "local", 120)

    def test_twenty_rounds_over_a_chaotic_service_of_s3_lose_nothing_that_was_acknowledged(self):
        self.rounds(20, "s3", 200)


if __name__ == "__main__":
    unittest.main()
