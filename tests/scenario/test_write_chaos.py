"""The chaos of the write path against the program, and first: whether it would notice."""

import base64
import json
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

import sqlite_ledger  # noqa: E402
import write_ledger as ledger  # noqa: E402


class Oracle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="holdfast-oracle-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.spool = self.folder / "spool"
        self.connection = sqlite3.connect(self.folder / "app.db", isolation_level=None)
        self.addCleanup(self.connection.close)
        for statement in sqlite_ledger.SCHEMA:
            self.connection.execute(statement)
        self.operations = []
        self.clock = 0.0

    def tick(self):
        self.clock += 1
        return self.clock

    def asked(self, kind, key="a", token="", answer=ledger.STORED, **more):
        one = ledger.Operation(kind, "items" if key else "events", key, token, start=self.tick(), **more)
        one.told({"result": answer, **({"file": str(self.folder / "copy")} if answer == ledger.EMERGENCY else {}),
                  "error": {"code": "record_deleted"} if answer == ledger.REFUSED else {}}, self.tick())
        self.operations.append(one)
        return one

    def done(self, token, key="a"):
        if not key:
            self.connection.execute("INSERT INTO events (token) VALUES (?)", (token,))
            return
        content = ledger.content(token)
        row = (key, token, content["size"], content["body"], json.dumps(content["document"]))
        self.connection.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET token = "
                                "excluded.token, size = excluded.size, body = excluded.body, "
                                "document = excluded.document", row)

    def put(self, token, key="a", **more):
        self.done(token, key)
        return self.asked("put", key, token, **more)

    def delete(self, key="a", **more):
        self.connection.execute("DELETE FROM items WHERE id = ?", (key,))
        self.connection.execute("INSERT INTO history (what, item) VALUES ('T', ?)", (key,))
        return self.asked("delete", key, **more)

    def prove(self, **more):
        ledger.Oracle(sqlite_ledger.facts_of(self.folder / "app.db"), self.spool, self.operations, **more).prove()

    def refused(self, reason):
        with self.assertRaisesRegex(ledger.Wrong, reason):
            self.prove()

    def test_true_answers_are_accepted(self):
        self.put("one")
        self.put("two", answer=ledger.SPOOLED)
        self.put("other", "b")
        self.put("event", "")
        self.delete()
        self.asked("put", token="three", answer=ledger.REFUSED)
        self.asked("put", token="never", answer=ledger.UNKNOWN)
        self.prove()

    def test_a_lost_record_is_refused(self):
        for answer in (ledger.STORED, ledger.SPOOLED):
            for key in ("a", ""):
                with self.subTest(answer=answer, key=key):
                    self.operations = []
                    self.asked("put", key, "one", answer)
                    self.refused("lost")

    def test_a_record_that_was_written_twice_is_refused(self):
        for key in ("a", ""):
            with self.subTest(key=key):
                self.operations = []
                self.put("one" + key, key)
                self.done("one" + key, key)
                self.refused("2 times")

    def test_another_content_is_refused(self):
        self.put("one")
        self.connection.execute("DROP TRIGGER put_again")
        self.connection.execute("UPDATE items SET body = body || ' '")
        self.refused("its content is")

    def test_an_older_record_over_a_newer_one_is_refused(self):
        self.asked("put", token="one")
        self.asked("put", token="two")
        self.done("two")
        self.done("one")
        self.refused("out of order")

    def test_disorder_within_one_request_is_refused(self):
        first, second = (self.asked("put", token=token, batch=1, index=index)
                         for index, token in enumerate(("one", "two")))
        second.start, second.end = first.start, first.end
        self.done("two")
        self.done("one")
        self.refused("out of order within a request")

    def test_a_refused_record_that_is_there_is_refused(self):
        self.delete()
        self.put("one", answer=ledger.REFUSED)
        self.refused("was refused, and happened")

    def test_a_refusal_for_a_delete_that_nobody_asked_for_is_refused(self):
        self.asked("put", token="one", answer=ledger.REFUSED)
        self.refused("nobody had deleted it")

    def test_a_deleted_record_that_comes_back_is_refused(self):
        self.put("one")
        self.delete()
        self.put("two")
        self.refused("came back")

    def test_a_deleted_record_that_is_still_there_is_refused(self):
        self.put("one")
        self.asked("delete")
        self.refused("still there")

    def test_an_emergency_copy_that_does_not_hold_the_record_is_refused(self):
        self.asked("put", token="one", answer=ledger.EMERGENCY)
        self.refused("cannot be read")
        for content, reason in (({"a": {"id": "a", **ledger.content("two")}}, "does not hold it"),
                                ({"a": {"id": "a", **ledger.content("one")}}, None)):
            (self.folder / "copy").write_bytes(base64.b64encode(json.dumps(content).encode()))
            if reason:
                self.refused(reason)
            else:
                self.prove()

    def test_what_is_left_in_the_spool_is_refused(self):
        self.spool.mkdir()
        (self.spool / "0000000000000001-1-items.spool").touch()
        self.refused("still")

    def test_a_row_that_nobody_has_put_is_refused(self):
        self.done("one")
        self.refused("nobody has put")


class WriteChaos(unittest.TestCase):
    def chaos(self, *words, **variables):
        done = subprocess.run(
            [sys.executable, "-B", CHAOS / "write_chaos.py", *map(str, words)], text=True,
            env={**os.environ, **variables}, capture_output=True, timeout=1000, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_whoever_acknowledges_what_is_not_kept_is_caught(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-forgetful-") as folder:
            status, said = self.chaos("--holdfast", CHAOS / "forgetful.py", "--engine", "sqlite", "--rounds", 3, "--seed", 5,
                                      "--seconds", 4, "--jobs", 3,
                                      FORGETFUL=str(pathlib.Path(PROGRAM).resolve()), TMPDIR=folder)
        self.assertEqual(1, status, said)
        self.assertIn("it was acknowledged, and is lost: put events", said)

    def test_thirty_rounds_keep_every_promise(self):
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"HOLDFAST_SEED={seed}", flush=True)
        status, said = self.chaos("--holdfast", PROGRAM, "--rounds", 30, "--seed", seed, "--seconds", 0.8,
                                  "--jobs", 2, "--longest", 50)
        self.assertEqual(0, status, said)
        print(said.splitlines()[-1], flush=True)


if __name__ == "__main__":
    unittest.main()
