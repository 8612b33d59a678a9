"""`holdfast predeploy`, with a real git and a real remote."""

import json
import subprocess

from holdfast import Scenario

CONFIGURATION = """
[databases.app]
source = "app.db"
[[databases.app.exports]]
file = "results.json"
[collections.videos]
"""
GIT_FAILED, USAGE = 90, 2


class Predeploy(Scenario):
    def setUp(self):
        super().setUp()
        self.environment.update({
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC"})
        self.path = self.folder / "app.db"
        self.sql(self.path, "CREATE TABLE videos (id TEXT PRIMARY KEY, title TEXT)", "INSERT INTO videos VALUES ('a', 'T')")
        self.configure(CONFIGURATION)
        self.init()
        self.git("init", "--quiet", "--bare", "remote.git")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", str(self.folder / "remote.git"))
        self.git("config", "push.default", "current")

    def git(self, *words):
        return subprocess.run(["git", *words], cwd=self.folder, env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def subjects(self, place="."):
        return self.git("-C", place, "log", "--format=%s", "main").splitlines()

    def test_backs_up_exports_commits_and_pushes(self):
        (self.folder / "other").write_text("staged by somebody, for later")
        self.git("add", "other")
        done = self.ok_json("predeploy", "--commit", "results.json", "--push")
        self.assertEqual([done["backup"]["snapshot"]], self.snapshot_ids())
        self.assertEqual(("exported", 1), (done["exports"][0]["result"], done["exports"][0]["records"]))
        self.assertRegex(self.subjects("remote.git")[0], r"^Auto-backup before deployment \d{4}-\d\d-\d\d \d\d:\d\d$")
        self.assertEqual(done["git"]["message"], self.subjects()[0])
        self.assertEqual(done["git"]["commit"], self.git("rev-parse", "HEAD"))
        self.assertEqual("results.json", self.git("ls-tree", "--name-only", "HEAD"))
        self.assertEqual("A  other", self.git("status", "--short", "other"))
        self.assertEqual({"a"}, set(json.loads(self.git("-C", "remote.git", "show", "main:results.json"))))

    def test_commits_nothing_where_nothing_is_new_and_pushes_what_was_left(self):
        self.ok("predeploy", "--commit", "results.json")
        again = self.ok_json("predeploy", "--commit", "results.json", "--push")
        self.assertEqual((False, True), (again["git"]["committed"], again["git"]["pushed"]))
        self.assertEqual(1, len(self.subjects("remote.git")))
        self.assertEqual(2, len(self.snapshot_ids()))

    def test_does_without_git_where_nothing_is_to_be_committed(self):
        (self.folder / ".git").rename(self.folder / "away")
        self.assertIsNone(self.ok_json("predeploy")["git"])
        self.assertEqual("git_failed", self.failure(GIT_FAILED, "predeploy", "--commit", "results.json")["code"])
        self.assertEqual("usage", self.failure(USAGE, "predeploy", "--push")["code"])
        self.assertEqual(1, len(self.snapshot_ids()))

    def test_fails_where_the_push_fails(self):
        self.git("remote", "set-url", "origin", str(self.folder / "nowhere.git"))
        failure = self.failure(GIT_FAILED, "predeploy", "--commit", "results.json", "--push")
        self.assertEqual("git_failed", failure["code"])
        self.assertIn("nowhere.git", failure["message"])
        self.assertEqual(1, len(self.subjects()))

    def test_fails_where_the_commit_is_refused(self):
        hook = self.folder / ".git" / "hooks" / "pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho never on a Friday\nexit 1\n")
        hook.chmod(0o755)
        self.assertIn("never on a Friday", self.failure(GIT_FAILED, "predeploy", "--commit", "results.json")["message"])
        self.assertIn("missing", self.failure(GIT_FAILED, "predeploy", "--commit", "missing")["message"])

    def test_commits_nothing_where_the_export_or_the_backup_fails(self):
        self.ok("predeploy", "--commit", "results.json")
        (self.folder / "results.json").unlink()
        (self.folder / "results.json").mkdir()
        self.assertEqual("unsupported", self.failure(46, "predeploy", "--commit", "results.json")["code"])
        (self.folder / "results.json").rmdir()
        self.path.unlink()
        answer = self.run_program("predeploy", "--commit", "results.json")
        self.assertNotEqual(0, answer.status)
        self.assertEqual(1, len(self.subjects()))
