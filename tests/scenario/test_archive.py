"""A snapshot leaves Holdfast as an archive that tar, Python and Holdfast itself read."""

import json
import os
import random
import signal
import subprocess
import tarfile
import time

from holdfast import PROGRAM, Scenario

EXISTS, USAGE, WARNED = 52, 2, 3


class Archive(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.arrow = self.database("data/arrow_database.db", rows=3000)
        self.user = self.database("data/user_data.db", rows=10, mode="delete")
        self.configure("""
            [databases.arrow]
            source = "data/arrow_database.db"
            [databases.user]
            source = "data/user_data.db"
        """)
        self.file = self.folder / "app.tar.gz"
        self.snapshot = self.backup("--all")

    def tar(self, *words):
        return subprocess.run(["tar", *map(str, words)], cwd=self.folder, text=True, capture_output=True, check=True).stdout

    def test_tar_and_python_read_what_it_writes(self):
        answer = self.ok_json("archive", "latest", self.file)
        self.assertEqual(str(self.file), answer["file"])
        self.assertEqual(self.file.stat().st_size, answer["bytes"])
        self.assertEqual(["arrow_database.db", "user_data.db"], [one["file"] for one in answer["databases"]])
        names = ["backup_metadata.json", "arrow_database.db", "user_data.db"]
        self.assertEqual(names, self.tar("-tzf", self.file).split())
        self.assertEqual(0o600, self.file.stat().st_mode & 0o777)

        (self.folder / "unpacked").mkdir()
        self.tar("-xzf", self.file, "-C", "unpacked")
        for path in (self.arrow, self.user):
            self.assertEqual(self.content(path), self.content(self.folder / "unpacked" / path.name))

        with tarfile.open(self.file, "r:gz") as archive:
            self.assertEqual(names, archive.getnames())
            self.assertTrue(all(member.isfile() for member in archive.getmembers()))
            metadata = json.load(archive.extractfile("backup_metadata.json"))
        self.assertEqual(self.snapshot["name"], metadata["backup_name"])
        self.assertEqual({"arrow_database": True, "user_database": True}, metadata["includes"])
        for stats, path in (("arrow_db_stats", self.arrow), ("user_db_stats", self.user)):
            self.assertEqual(1, metadata[stats]["table_count"])
            self.assertAlmostEqual(os.path.getsize(path) / 2**20, metadata[stats]["file_size_mb"], delta=0.2)
        for key in ("created_at", "version"):
            self.assertTrue(metadata[key])

    def test_the_same_snapshot_gives_the_same_bytes(self):
        self.ok("archive", "latest", self.file)
        self.ok("archive", "--index", 1, "other.tar.gz")
        self.assertEqual(self.file.read_bytes(), (self.folder / "other.tar.gz").read_bytes())

    def test_one_of_several_databases(self):
        self.ok("archive", "latest", self.file, "--database", "user")
        self.assertEqual(["backup_metadata.json", "user_data.db"], self.tar("-tzf", self.file).split())
        metadata = json.loads(self.tar("-xzOf", self.file, "backup_metadata.json"))
        self.assertEqual({"arrow_database": False, "user_database": True}, metadata["includes"])
        self.assertNotIn("arrow_db_stats", metadata)

    def test_holdfast_imports_what_it_writes(self):
        self.configure("""
            [databases.user]
            source = "data/user_data.db"
            [collections.item]
            database = "user"
            table = "item"
        """)
        self.ok("archive", "latest", self.file, "--database", "user")
        before = self.content(self.user)
        self.sql(self.user, "DELETE FROM item WHERE id < 5")
        self.assertEqual(4, self.ok_json("import", self.file)["inserted"])
        self.assertEqual(before, self.content(self.user))

    def test_what_is_there_is_not_overwritten(self):
        self.file.write_text("precious")
        error = self.failure(EXISTS, "archive", "latest", self.file)
        self.assertIn("--replace", error["next"])
        self.assertEqual("precious", self.file.read_text())
        self.ok("archive", "latest", self.file, "--replace")
        self.assertEqual(3, len(self.tar("-tzf", self.file).split()))

    def test_what_is_not_said_is_asked_for(self):
        for words in ((), ("latest",), ("--index", 1), ("latest", "a", "b"), ("latest", "a", "--index", 1)):
            self.failure(USAGE, "archive", *words)
        self.assertFalse((self.folder / "latest").exists())
        self.failure(15, "archive", "nothing", self.file)
        self.failure(15, "archive", "latest", self.file, "--database", "nobody")

    def test_a_database_that_was_damaged_already_is_archived_with_a_warning(self):
        with open(self.user, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 4096)
        self.expect(WARNED, "backup", "user")
        answer = self.expect(WARNED, "archive", "latest", self.file, "--json").json
        self.assertTrue(answer["databases"][0]["damage"])

    def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new_one(self):
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"HOLDFAST_SEED={seed}", flush=True)
        moments = random.Random(seed)
        whole = self.folder / "whole.tar.gz"
        self.ok("archive", "latest", whole)
        for _ in range(15):
            self.file.write_text("old")
            process = subprocess.Popen(
                [PROGRAM, "archive", "latest", str(self.file), "--replace"], cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(0, 0.15))  # the moment is the point
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.assertIn(self.file.read_bytes(), (b"old", whole.read_bytes()))
        process = subprocess.Popen(
            [PROGRAM, "archive", "latest", str(self.file), "--replace"], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(0, process.wait())
        self.assertEqual(whole.read_bytes(), self.file.read_bytes())
