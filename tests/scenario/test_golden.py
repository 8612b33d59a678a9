"""Repositories of every released version are read forever: see docs/format.md, "Versions"."""

import hashlib
import re
import shutil
import unittest

from program import ROOT, ProgramTest

GOLDEN = sorted(path for path in (ROOT / "tests" / "golden").iterdir() if path.is_dir())


class GoldenTest(ProgramTest):
    def each_version(self):
        """Works on a copy each: programs leave intents and log entries."""
        self.assertTrue(GOLDEN, "there is no golden repository")
        for folder in GOLDEN:
            self.repo = self.folder / folder.name
            shutil.copytree(folder / "repository", self.repo)
            readme = (folder / "README.md").read_text(encoding="utf-8")
            secrets = dict(re.findall(r"^(passphrase|recovery code): `(.*)`$", readme, re.MULTILINE))
            expected = {
                path.stem: path.read_text(encoding="utf-8").split()[0]
                for path in folder.glob("*.sha256")
            }
            self.assertTrue(expected, f"{folder} says nothing of its databases")
            yield secrets, expected

    def restored(self, name):
        out = self.folder / "restored.db"
        self.holdfast("restore", name, "--to", out, "--yes")
        content = out.read_bytes()
        out.unlink()
        return hashlib.sha256(content).hexdigest()

    def test_every_snapshot_restores_to_what_it_was(self):
        for secrets, expected in self.each_version():
            self.passphrase = secrets["passphrase"]
            for name, digest in expected.items():
                self.assertEqual(digest, self.restored(name), name)

    def test_the_recovery_code_opens_it(self):
        for secrets, expected in self.each_version():
            self.passphrase = secrets["recovery code"]
            name, digest = next(iter(expected.items()))
            self.assertEqual(digest, self.restored(name), name)

    def test_every_byte_verifies(self):
        for secrets, _ in self.each_version():
            self.passphrase = secrets["passphrase"]
            self.holdfast("verify", "--all", "--read-data")

    def test_the_independent_reader_reads_it(self):
        for secrets, expected in self.each_version():
            self.passphrase = secrets["passphrase"]
            found = {snapshot["name"]: snapshot for snapshot in self.holdfast_json("snapshots")}
            self.assertEqual(set(expected), set(found))
            for name, digest in expected.items():
                out = self.folder / "read.db"
                database = found[name]["databases"][0]["name"]
                self.reader("restore", found[name]["id"], database, out)
                self.assertEqual(digest, hashlib.sha256(out.read_bytes()).hexdigest(), name)
                out.unlink()

    def test_it_can_be_written_forgotten_and_pruned(self):
        for secrets, expected in self.each_version():
            self.passphrase = secrets["passphrase"]
            path = self.database("new.db")
            self.holdfast("backup", path, "--name", "newest")
            self.holdfast("forget", "first", "--yes")
            self.holdfast("prune")
            self.assertEqual(expected["third"], self.restored("third"))
            self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), self.restored("newest"))
            path.unlink()


if __name__ == "__main__":
    unittest.main()
