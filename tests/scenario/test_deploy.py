"""A deploy that wipes the disk, as the demo plays it: the application comes back by itself."""

import os
import pathlib
import subprocess
import unittest

import gateway

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("HOLDFAST", str(ROOT / "build" / "release" / "holdfast"))


class Deploy(unittest.TestCase):
    def test_twelve_campaigns_and_the_users_own_survive_and_the_excluded_one_does_not(self):
        store = gateway.chosen()
        place = {**store.environment, "DEMO_REPO": str(store.new_place())} if store else {}
        done = subprocess.run(
            [ROOT / "demo" / "deploy.sh"], env={**os.environ, "HOLDFAST": PROGRAM, **place}, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("PASS", done.stdout.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
