"""`holdfast selftest`: the safety chain on a user's own configuration, and nothing of theirs touched."""

import hashlib
import os
import pathlib
import signal
import subprocess

from holdfast import PROGRAM, Outages, Scenario

CONFIGURATION = """
[databases.app]
source = "app.db"
[[databases.app.exports]]
collection = "videos"
file = "public/results.json"
[[databases.app.exports]]
collection = "videos"
file = "public/results.json.b64"
[[databases.app.exports]]
collection = "videos"
file = "public/videos"
format = "files"
[records]
spool = "spool"
patience = "1s"
[collections.videos]
[collections.videos.fields]
"stats.total" = "stats_total"
[collections.notes]
create = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"
"""
UNHEALTHY, INTERRUPTED = 6, 5
NAMES = ["safe save with backup", "database save with export", "emergency save", "recovery from all sources"]


class Selftest(Scenario):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.db"
        self.sql(self.path, "PRAGMA journal_mode = WAL",
                 "CREATE TABLE channels (id TEXT PRIMARY KEY, name TEXT NOT NULL)",
                 "CREATE TABLE videos (id TEXT PRIMARY KEY, channel TEXT NOT NULL REFERENCES channels, slug TEXT UNIQUE, "
                 "stats_total INTEGER CHECK (stats_total > 5), seen INTEGER)",
                 "CREATE TRIGGER counted AFTER INSERT ON videos BEGIN "
                 "UPDATE videos SET seen = 1 WHERE id = new.id; END",
                 "INSERT INTO channels VALUES ('c', 'C')",
                 "INSERT INTO videos VALUES ('a', 'c', 's', 7, 3), ('b', 'c', 't', 8, 3)")
        self.public = self.folder / "public"
        self.public.mkdir()
        self.configure(CONFIGURATION)
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.environment["TMPDIR"] = str(self.scratch)
        self.init()
        self.backup("app")

    def everything(self):
        """Every name below the user's folder, with what is in it: database, repository and its log, exports, spool."""
        return {str(path.relative_to(self.folder)):
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"
                for path in sorted(pathlib.Path(self.folder).rglob("*"))}

    def results(self, passed):
        """What was said of each part, once as text and once as JSON, neither of which may change anything."""
        before = self.everything()
        answer = self.expect(0 if passed == 4 else UNHEALTHY, "selftest")
        lines = answer.out.splitlines()
        self.assertEqual(f"{passed}/4", lines[-1], answer)
        said = {name: line.split(" ", 1)[0] for name, line in zip(NAMES, lines)}
        for name, line in zip(NAMES, lines):
            self.assertTrue(line.startswith((f"PASS {name}: ", f"FAIL {name}: ")), answer)
        done = self.expect(answer.status, "selftest", "--json").json
        self.assertEqual((passed, 4), (done["passed"], done["of"]))
        self.assertEqual(said, {one["name"]: "PASS" if one["passed"] else "FAIL" for one in done["tests"]})
        self.assertEqual(before, self.everything())
        return {one["name"]: one["detail"] for one in done["tests"] if not one["passed"]}

    def test_passes_and_leaves_everything_as_it_was(self):
        self.assertEqual({}, self.results(4))

    def test_leaves_exports_and_what_waits_in_the_spool_as_they_are(self):
        self.ok("export", "--collection", "videos")
        self.path.rename(self.folder / "away.db")
        (self.folder / "c.json").write_text('{"id": "c", "channel": "c", "stats": {"total": 9}}')
        self.run_program("put", "videos", "c.json")
        (self.folder / "away.db").rename(self.path)
        self.assertTrue(any((self.folder / "spool").rglob("*")))
        self.assertEqual({}, self.results(4))

    def test_begins_with_no_database_at_all(self):
        self.path.unlink()
        self.configure(CONFIGURATION.replace("[collections.videos]\n[", """[collections.videos]
create = "CREATE TABLE IF NOT EXISTS videos (id TEXT PRIMARY KEY, stats_total INTEGER NOT NULL)"
[""", 1))
        self.assertEqual({}, self.results(4))

    def test_fails_where_the_database_refuses_records(self):
        self.sql(self.path, "CREATE TRIGGER never BEFORE INSERT ON videos BEGIN SELECT RAISE(ABORT, 'not today'); END")
        failed = self.results(0)
        self.assertEqual(set(NAMES), set(failed))
        self.assertIn("not today", failed["safe save with backup"])

    def test_fails_where_no_database_can_be_read(self):
        self.path.write_bytes(b"this is no database at all " * 100)
        self.assertEqual(set(NAMES), set(self.results(0)))

    def test_fails_where_nothing_can_be_backed_up(self):
        outages = Outages(self)
        outages.begin()
        self.assertIn("safe save with backup", self.results(2))
        outages.end()
        self.environment["HOLDFAST_PASSPHRASE"] = "wrong"
        self.assertEqual({NAMES[0], NAMES[3]}, set(self.results(2)))

    def test_fails_where_an_export_cannot_be_written(self):
        self.public.rename(self.folder / "other")
        self.assertEqual({NAMES[1]}, set(self.results(3)))
        (self.folder / "other").rename(self.public)
        (self.public / "results.json").symlink_to(self.path)
        self.assertIn("symbolic link", self.results(3)[NAMES[1]])

    def test_fails_where_nothing_can_be_spooled(self):
        (self.folder / "spool").write_text("in the way")
        self.assertIn("spool", self.results(3)[NAMES[2]])

    def test_fails_where_no_emergency_copy_can_be_written(self):
        (self.folder / "backups").write_text("in the way")
        self.assertIn("backups", self.results(3)[NAMES[2]])

    def test_fails_where_a_copy_is_damaged(self):
        self.ok("export", "--collection", "videos")
        (self.public / "results.json").write_text("{}")
        self.assertIn("results.json", self.results(3)[NAMES[3]])
        (self.public / "results.json").unlink()
        for snapshot in (path for path in (self.repository / "snapshots").rglob("*") if path.is_file()):
            content = snapshot.read_bytes()
            snapshot.chmod(0o600)
            snapshot.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        self.assertIn("snapshots", self.results(3)[NAMES[3]])

    def test_says_what_it_cannot_test(self):
        self.configure('[databases.app]\nsource = "app.db"\n')
        self.assertEqual("configuration", self.run_program("selftest", "--json").json["error"]["code"])

    def test_records_that_refer_to_others_are_tested_after_these(self):
        self.configure(CONFIGURATION + "[collections.channels]\n[collections.alphabet]\n")
        self.sql(self.path, "CREATE TABLE alphabet (letter TEXT PRIMARY KEY, video TEXT REFERENCES videos, "
                            "before TEXT REFERENCES alphabet)",
                 "INSERT INTO alphabet VALUES ('y', 'b', 'z'), ('z', 'a', NULL)")
        self.assertEqual({}, self.results(4))

    def test_leaves_nothing_behind_when_it_is_ended(self):
        before = self.everything()
        statuses = set()
        for number, pause in enumerate((0.02, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)):
            process = subprocess.Popen([PROGRAM, "selftest"], cwd=self.folder, env=self.environment,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                process.wait(pause)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT if number % 2 else signal.SIGTERM)
            process.communicate(timeout=60)
            statuses.add(process.returncode)
            self.assertEqual([], os.listdir(self.scratch))
            self.assertEqual(before, self.everything())
        self.assertLessEqual(statuses, {0, INTERRUPTED, -signal.SIGTERM, -signal.SIGINT})
        self.assertIn(INTERRUPTED, statuses)
