"""`holdfast selftest` on a PostgreSQL configuration: all four tests in a scratch schema, and nothing of the user's touched."""

import os
import pathlib
import signal
import subprocess

from holdfast import PROGRAM, Scenario
from postgres_server import PostgresServer

CONFIGURATION = """
[databases.app]
source = ["$DATABASE_URL", "app.db"]
[[databases.app.exports]]
collection = "videos"
file = "public/results.json"
[records]
spool = "spool"
patience = "1s"
[collections.videos]
key = "video_id"
alias = { prefix = "yt:" }
[collections.videos.fields]
"stats.total" = "stats_total"
counts = { column = "counts_data", as = "json" }
[collections.videos.children.summaries]
table = "content_summaries"
parent = "video_id"
variant = "variant"
revision = "revision"
[collections.channels]
table = "media.channels"
[collections.notes]
create = "CREATE TABLE IF NOT EXISTS notes (id bigserial PRIMARY KEY, body text NOT NULL)"
"""
SCHEMA = """
CREATE SCHEMA media;
CREATE TABLE media.channels (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE videos (video_id text PRIMARY KEY CHECK (video_id ~ '^[a-z]+$'), channel int NOT NULL REFERENCES media.channels,
  parent text REFERENCES videos, title text NOT NULL, stats_total bigint, counts_data text, indexed_at timestamptz DEFAULT now(),
  facts jsonb);
CREATE INDEX ON videos USING gin (facts);
CREATE TABLE content_summaries (id bigserial PRIMARY KEY, video_id text NOT NULL REFERENCES videos ON DELETE CASCADE,
  variant text, revision int, html text);
CREATE TABLE touched (what text);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO public.touched VALUES (TG_TABLE_NAME); RETURN new; END $$;
INSERT INTO media.channels VALUES (7, 'seven'), (8, 'eight');
INSERT INTO videos VALUES ('a', 8, NULL, 'A', 1, '{"x": 1}', now(), '{"y": [2]}'), ('b', 7, 'a', 'B', 2, NULL, now(), NULL);
INSERT INTO content_summaries (video_id, variant, revision, html) VALUES ('a', 'short', 1, '<p>');
CREATE TRIGGER touched AFTER INSERT OR UPDATE OR DELETE ON videos FOR EACH ROW EXECUTE FUNCTION touch();
"""
UNHEALTHY, INTERRUPTED, FORBIDDEN = 6, 5, 41
NAMES = ["safe save with backup", "database save with export", "emergency save", "recovery from all sources"]


class SelftestPostgres(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.server = PostgresServer()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        self.database = f"test_{self._testMethodName[-40:]}".lower()
        self.server.psql(f'CREATE DATABASE "{self.database}"')
        self.psql(SCHEMA)
        self.environment["DATABASE_URL"] = self.server.url(self.database)
        self.environment["HOLDFAST_REPO"] = None
        (self.folder / "public").mkdir()
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.environment["TMPDIR"] = str(self.scratch)
        self.configure(CONFIGURATION)

    def psql(self, sql):
        return self.server.psql(sql, self.database)

    def everything(self):
        """What pg_dump says of the database, with where its sequences stand; and the user's folder."""
        dump = subprocess.run([self.server.binaries / "pg_dump", "-h", self.server.folder, "-U", "postgres", self.database],
                              capture_output=True, text=True, check=True).stdout
        plain = [line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
        return plain, sorted(str(path) for path in pathlib.Path(self.folder).rglob("*"))

    def results(self, passed, **variables):
        """What was said of the parts that failed."""
        before = self.everything()
        answer = self.expect(0 if passed == 4 else UNHEALTHY, "selftest", "--json", **variables)
        self.assertEqual(before, self.everything())
        self.assertNotIn("geheim", answer.out + answer.err)
        done = answer.json
        self.assertEqual((passed, 4, NAMES), (done["passed"], done["of"], [one["name"] for one in done["tests"]]), answer)
        return {one["name"]: one["detail"] for one in done["tests"] if not one["passed"]}

    def test_passes_and_leaves_everything_as_it_was(self):
        before = self.everything()
        answer = self.ok("selftest")
        self.assertEqual([f"PASS {name}" for name in NAMES] + ["4/4"],
                         [line.split(":")[0] for line in answer.out.splitlines()])
        self.assertIn("3 records", answer.out)
        self.assertIn("triggers of videos", answer.err)
        self.assertEqual(before, self.everything())
        self.assertEqual({}, self.results(4))

    def test_passes_beside_what_holdfast_keeps_there_and_with_a_repository(self):
        self.environment["HOLDFAST_REPO"] = str(self.repository)
        self.init()
        (self.folder / "c.json").write_text('{"video_id": "c", "channel": 7, "title": "C"}', encoding="utf-8")
        self.ok("put", "videos", "c.json")
        self.ok("delete", "videos", "b")
        self.assertEqual({}, self.results(4))

    def test_passes_where_nothing_is_yet(self):
        self.psql("DROP TABLE content_summaries, videos, media.channels")
        self.configure("""
            [databases.app]
            source = "$DATABASE_URL"
            [collections.notes]
            create = "CREATE TABLE IF NOT EXISTS notes (id bigserial PRIMARY KEY, body text NOT NULL)"
        """)
        self.assertEqual({}, self.results(4))

    def test_passes_for_a_user_with_no_more_rights_than_it_says(self):
        self.psql(f"""DO $$ BEGIN CREATE ROLE app LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
            GRANT USAGE ON SCHEMA media TO app; GRANT CREATE ON SCHEMA public TO app;
            GRANT SELECT, INSERT, UPDATE ON videos, media.channels, content_summaries TO app""")
        url = self.server.url(self.database).replace("postgres:geheim", "app:geheim")
        error = self.failure(FORBIDDEN, "selftest", DATABASE_URL=url)
        grant = f"GRANT CREATE ON DATABASE {self.database} TO app"
        self.assertIn(grant, error["next"])
        self.psql(grant)
        self.assertEqual({}, self.results(4, DATABASE_URL=url))
        self.psql("REVOKE UPDATE ON videos FROM app")
        self.assertIn("UPDATE on videos", self.results(3, DATABASE_URL=url)[NAMES[0]])

    def test_tests_both_engines_together(self):
        self.sql(self.folder / "local.db", "CREATE TABLE tags (name TEXT PRIMARY KEY)", "INSERT INTO tags VALUES ('t')")
        text = CONFIGURATION
        for name in ("videos", "channels", "notes"):
            text = text.replace(f"[collections.{name}]\n", f'[collections.{name}]\ndatabase = "app"\n')
        self.configure(text + """
            [databases.local]
            source = "local.db"
            [collections.tags]
            database = "local"
        """)
        self.environment["HOLDFAST_REPO"] = str(self.repository)
        self.init()
        self.assertEqual({}, self.results(4))

    def test_fails_where_the_server_is_away(self):
        self.server.stop()
        try:
            answer = self.expect(UNHEALTHY, "selftest")
        finally:
            self.server.start()
        self.assertEqual("0/4", answer.out.splitlines()[-1])
        self.assertIn("no connection", answer.out)
        self.assertEqual([], os.listdir(self.scratch))

    def test_fails_where_a_table_takes_no_record(self):
        self.psql("ALTER TABLE videos ADD CHECK (title <> 'A' OR stats_total > 5) NOT VALID")
        self.assertEqual(set(NAMES), set(self.results(0)))

    def test_fails_where_copies_cannot_be_kept(self):
        (self.folder / "backups").write_text("in the way", encoding="utf-8")
        self.assertEqual({NAMES[0], NAMES[2]}, set(self.results(2)))

    def test_leaves_nothing_behind_when_it_is_ended(self):
        before, statuses = self.everything(), set()
        for number, pause in enumerate((0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)):
            process = subprocess.Popen([PROGRAM, "selftest"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env={name: value for name, value in self.environment.items() if value is not None})
            try:
                process.wait(pause)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT if number % 2 else signal.SIGTERM)
            process.communicate(timeout=120)
            statuses.add(process.returncode)
            self.assertEqual(before, self.everything())
        self.assertLessEqual(statuses, {0, INTERRUPTED, -signal.SIGTERM, -signal.SIGINT})
        self.assertIn(INTERRUPTED, statuses)

    def test_what_a_kill_has_left_is_removed_the_next_time(self):
        before = self.everything()
        process = subprocess.Popen([PROGRAM, "selftest"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={name: value for name, value in self.environment.items() if value is not None})
        schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'holdfast_selftest%'"
        while self.psql(schemas) == "0":
            self.assertIsNone(process.poll())
        process.kill()
        process.communicate()
        self.assertEqual("1", self.psql(schemas))
        for folder in self.scratch.iterdir():
            subprocess.run(["rm", "-r", folder], check=True)
        self.ok("selftest")
        self.assertEqual(before, self.everything())
