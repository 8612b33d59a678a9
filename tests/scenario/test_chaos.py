"""The chaos of tests/chaos against the program, and first: whether it would notice."""

import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHAOS = ROOT / "tests" / "chaos"
sys.path.insert(0, str(CHAOS))
PROGRAM = os.environ.get("HOLDFAST", str(ROOT / "build" / "release" / "holdfast"))

import ledger  # noqa: E402


class Oracle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="holdfast-oracle-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "app.db"
        self.journal = ledger.Journal(self.folder / "journal")
        ledger.create(self.path, 1024, "DELETE", 0, 200, random.Random(1), self.journal)
        for _ in range(50):
            self.transaction()

    def transaction(self, commit=True):
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        _, items, _ = ledger.newest(connection)
        identity = random.randrange(1, 200)
        body, = connection.execute("SELECT body FROM item WHERE id = ?", (identity,)).fetchone()
        items = ledger.toggled(items, identity, body)
        body = os.urandom(len(body))
        connection.execute("UPDATE item SET body = ? WHERE id = ?", (body, identity))
        number, chained = ledger.append(connection, ledger.toggled(items, identity, body))
        if commit:
            self.journal.say("begin", number, chained)
            connection.execute("COMMIT")
            self.journal.say("committed", number, chained)
        else:
            connection.execute("COMMIT")  # of one that its writer says it gave up
        connection.close()

    def commits(self):
        return ledger.Commits.read([self.folder / "journal"])

    def refused(self, reason):
        with self.assertRaisesRegex(ledger.Wrong, reason):
            ledger.prove(self.path, self.commits())

    def change(self, statement):
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute(statement)
        connection.close()

    def test_each_committed_state_is_accepted(self):
        earlier = self.path.read_bytes()
        self.transaction()
        self.assertEqual(52, ledger.prove(self.path, self.commits()).number)
        self.path.write_bytes(earlier)
        self.assertEqual(51, ledger.prove(self.path, self.commits()).number)

    def test_a_mixture_of_two_states_is_refused(self):
        earlier = self.path.read_bytes()
        for _ in range(5):
            self.transaction()
        later = self.path.read_bytes()
        pages = [number for number in range(2, len(earlier) // 1024)
                 if earlier[number * 1024:][:1024] != later[number * 1024:][:1024]]
        refused = 0
        for number in pages:
            mixed = bytearray(later)
            mixed[number * 1024:(number + 1) * 1024] = earlier[number * 1024:(number + 1) * 1024]
            self.path.write_bytes(mixed)
            try:
                ledger.prove(self.path, self.commits())
            except ledger.Wrong:
                refused += 1
        self.assertEqual(len(pages), refused)

    def test_a_change_that_no_transaction_made_is_refused(self):
        self.change("UPDATE item SET body = x'00' WHERE id = 7")
        self.refused("items are not those")

    def test_a_lost_transaction_is_refused(self):
        self.change("DELETE FROM ledger WHERE number = 20")
        self.refused("transaction 20 is missing")

    def test_a_rewritten_transaction_is_refused(self):
        self.change("UPDATE ledger SET nonce = x'0011223344556677' WHERE number = 20")
        self.refused("transaction 20 does not follow")

    def test_a_transaction_that_was_rolled_back_is_refused(self):
        self.transaction(commit=False)
        self.refused("never committed")


class Chaos(unittest.TestCase):
    def chaos(self, *words, **variables):
        done = subprocess.run(
            [sys.executable, "-B", CHAOS / "chaos.py", *map(str, words)], text=True,
            env={**os.environ, **variables}, capture_output=True, timeout=1000, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_whoever_acknowledges_what_is_not_kept_is_caught(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-forgetful-") as folder:
            status, said = self.chaos("--holdfast", CHAOS / "copying.py", "--rounds", 1, "--seed",
                                      3185950873, "--patience", 5, COPYING="forgetful", TMPDIR=folder)
        self.assertEqual(1, status, said)
        self.assertIn("1 failed", said)

    def test_twenty_rounds_of_chaos_lose_nothing_that_was_acknowledged(self):
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"HOLDFAST_SEED={seed}", flush=True)
        status, said = self.chaos("--holdfast", PROGRAM, "--rounds", 20, "--seed", seed, "--jobs", 2,
                                  "--longest", 240)
        self.assertEqual(0, status, said)


if __name__ == "__main__":
    unittest.main()
