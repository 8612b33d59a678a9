"""kill -9 of the real program at each change that it makes to a store of S3: at some of them, drawn by a seed, or at
all with HOLDFAST_GATEWAY=whole. What was acknowledged comes back exactly, and the next command goes on."""

import itertools
import os
import random
import shutil
import signal
import subprocess

import s3_storage
from deadly_relay import AFTER, MOMENTS, DeadlyRelay
from holdfast import PROGRAM, Scenario

FEW = 2  # of the changes of each command
CONFIGURATION = """
[[repository]]
name = "here"
place = "{here}"
[[repository]]
name = "offsite"
place = "{offsite}"
[databases.app]
source = "app.db"
"""


class KilledAtRequests(Scenario):
    """On the gateway where that is asked for, otherwise on the service that is strict as Amazon's is."""

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"HOLDFAST_SEED={seed}", flush=True)
        self.random = random.Random(seed)
        self.store = self.gateway or s3_storage.strict_store(self)
        self.relay = DeadlyRelay(self.store.environment["AWS_ENDPOINT_URL"])
        self.addCleanup(self.relay.close)
        self.environment |= {**self.store.environment, "AWS_ENDPOINT_URL": self.relay.endpoint,
                             "HOLDFAST_REPO": None, "HOLDFAST_KEY_CACHE": None}
        self.work = self.folder
        self.prepare()

    # -- grounds --------------------------------------------------------------------------------

    def prepare(self):
        """Three snapshots of a database, the first of which has been copied, and a change since."""
        self.origin = self.folder = self.work / "prepared"
        self.folder.mkdir()
        self.move_to(self.store.new_place(), self.store.new_place())
        self.recovery_code = self.init()["recovery_code"]
        path = self.database(rows=1000)
        self.kept = {}
        for number in range(3):
            self.sql(path, f"UPDATE item SET text = hex(randomblob(50)) WHERE id % 3 = {number}")
            content = self.content(path)
            self.kept[self.backup()["snapshot"]] = content
            if number == 0:
                self.ok("copy")
        self.sql(path, "UPDATE item SET text = hex(randomblob(50)) WHERE id % 5 = 0")
        self.prepared = self.here, self.offsite

    def move_to(self, here, offsite):
        self.here, self.offsite = here, offsite
        self.environment["HOLDFAST_CACHE_DIR"] = str(self.folder / "cache")
        self.environment["HOME"] = str(self.folder)
        self.configure(CONFIGURATION.format(here=here, offsite=offsite))

    def fresh_ground(self):
        """As it was prepared, in a place of its own."""
        self.folder = self.work / "ground"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.origin, self.folder)
        places = self.store.new_place(), self.store.new_place()
        for source, target in zip(self.prepared, places):
            source.copy_objects_to(target)
        self.move_to(*places)

    # -- crashes --------------------------------------------------------------------------------

    def crash(self, words, deadly, moment, **variables):
        """Whether the command was killed; otherwise it had fewer changes to make."""
        environment = {name: value for name, value in {**self.environment, **variables}.items() if value is not None}
        process = None
        self.relay.count(deadly, moment, lambda: process.send_signal(signal.SIGKILL))
        with self.relay.mutex:  # nothing is served before there is a process to kill
            process = subprocess.Popen([PROGRAM, *words], cwd=self.folder, env=environment, text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, said = process.communicate(timeout=120)
        changes = self.relay.changes
        self.relay.count(0, AFTER, None)
        if process.returncode != -signal.SIGKILL:
            self.assertEqual(0, process.returncode, said)
        return process.returncode != 0, changes

    def crash_everywhere(self, words, check, **variables):
        self.fresh_ground()
        killed, changes = self.crash(words, 0, AFTER, **variables)
        self.assertFalse(killed)
        points = list(itertools.product(range(1, changes + 1), MOMENTS))
        if os.environ.get("HOLDFAST_GATEWAY") != "whole":
            points = sorted(self.random.sample(points, min(len(points), FEW)))
        done = 0
        for deadly, moment in points:
            with self.subTest(change=deadly, moment=moment):
                self.fresh_ground()
                # What is removed and written may be decided by chance, so there may be one change less.
                killed, _ = self.crash(words, deadly, moment, **variables)
                done += killed
                check()
        print(f"{' '.join(words)}: {changes} changes, killed {done} times of {len(points)}", flush=True)
        self.assertGreater(done, 0)

    # -- afterwards -----------------------------------------------------------------------------

    def restored(self, snapshot, *words):
        path = self.folder / "restored.db"
        path.unlink(missing_ok=True)
        self.ok("restore", snapshot, "--to", path, "--yes", *words)
        return self.content(path)

    def expect_kept(self, kept):
        listed = self.snapshot_ids("--repo", "here")
        self.assertLessEqual(set(kept), set(listed))
        for snapshot in listed:
            content = self.restored(snapshot)
            if snapshot in self.kept:
                self.assertEqual(self.kept[snapshot], content)
            else:  # nobody was told of it
                self.assertEqual(self.content(self.folder / "app.db"), content)

    def expect_work_goes_on(self, kept):
        path = self.folder / "app.db"
        self.sql(path, "INSERT INTO item (text) VALUES ('later')")
        snapshot = self.backup()["snapshot"]
        self.ok("prune", "--max-unused", "0")
        proof = self.ok_json("verify", "--all", "--read-data")
        self.assertTrue(proof["ok"])
        self.assertEqual(proof["packs"], len(list((self.here / "packs").rglob("*"))), "garbage is left")
        self.assertEqual(0, self.ok_json("prune", "--max-unused", "0")["packs_removed"])
        self.assertEqual(self.content(path), self.restored(snapshot))
        for earlier in kept:
            self.assertEqual(self.kept[earlier], self.restored(earlier))

    def check_snapshots(self, kept):
        self.expect_kept(kept)
        self.expect_work_goes_on(kept)

    def test_a_backup(self):
        self.crash_everywhere(("backup", "app.db"), lambda: self.check_snapshots(self.kept))

    def test_forget_and_prune(self):
        forgotten, *kept = self.kept
        self.crash_everywhere(("forget", forgotten, "--yes", "--prune"), lambda: self.check_snapshots(kept))

    def test_a_prune(self):
        forgotten, *kept = self.kept
        self.ok("forget", forgotten, "--yes")
        self.crash_everywhere(("prune", "--max-unused", "0"), lambda: self.check_snapshots(kept))

    def test_a_copy(self):
        def check():
            for snapshot in self.snapshot_ids("--repo", "offsite"):
                self.assertEqual(self.kept[snapshot], self.restored(snapshot, "--repo", "offsite"))
            self.assertTrue(self.ok_json("copy")["copies"][0]["complete"])
            self.ok("prune", "--max-unused", "0", "--repo", "offsite")
            self.ok("verify", "--all", "--read-data", "--repo", "offsite")
            self.here.remove_all()
            for snapshot, content in self.kept.items():
                self.assertEqual(content, self.restored(snapshot, "--repo", "offsite"))

        self.crash_everywhere(("copy",), check)

    def test_a_change_of_the_passphrase(self):
        def check():
            opened = []
            for passphrase in (self.environment["HOLDFAST_PASSPHRASE"], "another horse"):
                answer = self.run_program("snapshots", HOLDFAST_PASSPHRASE=passphrase, HOLDFAST_KEY_CACHE="off")
                self.assertIn(answer.status, (0, 13), answer)
                opened += [passphrase] * (answer.status == 0)
            self.assertTrue(opened, "nobody gets in")
            self.ok("snapshots", HOLDFAST_PASSPHRASE=self.recovery_code, HOLDFAST_KEY_CACHE="off")
            mine = self.environment["HOLDFAST_PASSPHRASE"]
            self.environment["HOLDFAST_PASSPHRASE"] = opened[0]
            try:
                self.expect_kept(self.kept)
                self.ok("key", "change", HOLDFAST_NEW_PASSPHRASE="a third horse")
                self.environment["HOLDFAST_PASSPHRASE"] = "a third horse"
                self.expect_work_goes_on(self.kept)
            finally:
                self.environment["HOLDFAST_PASSPHRASE"] = mine

        self.crash_everywhere(("key", "change"), check, HOLDFAST_NEW_PASSPHRASE="another horse")
