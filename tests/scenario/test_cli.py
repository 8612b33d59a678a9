"""The command line as a user meets it: every command, its answers, its refusals."""

import os
import re
import signal
import subprocess
import time
import unittest

from holdfast import PASSPHRASE, PROGRAM, Scenario

COMMANDS = ["init", "backup", "replicate", "run", "status", "guard", "doctor", "drill", "salvage", "restore", "timeline",
            "mark", "snapshots", "list", "show", "diff", "archive", "stats", "log", "verify", "forget", "prune", "key list", "key add",
            "key remove", "key change", "key recovery", "config check", "completion", "version"]


class HelpAndVersion(Scenario):
    def test_every_command_explains_itself_with_examples(self):
        for command in COMMANDS:
            answer = self.ok(*command.split(), "--help")
            self.assertIn("Examples:\n  ", answer.out, command)
            self.assertEqual("", answer.err)

    def test_nothing_said_shows_the_overview(self):
        self.assertIn("Usage: holdfast COMMAND", self.ok().out)

    def test_version_is_said_for_people_and_for_programs(self):
        self.assertRegex(self.ok("version").out, r"^holdfast \d+\.\d+\.\d+\n$")
        self.assertEqual(2, self.ok_json("version")["format"])

    def test_an_unknown_command_is_refused_with_the_nearest(self):
        answer = self.expect(2, "snapshot")
        self.assertIn('did you mean "snapshots"?', answer.err)
        self.assertEqual("", answer.out)

    def test_an_unknown_option_is_refused_with_the_nearest(self):
        self.assertIn('did you mean "--dry-run"?', self.expect(2, "forget", "--dryrun").err)

    def test_completions_are_valid_shell(self):
        script = self.ok("completion", "bash").out
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        for shell in ("zsh", "fish"):
            self.assertIn("snapshots", self.ok("completion", shell).out)
        self.expect(2, "completion", "tcsh")

    def test_bash_completes_commands_options_and_files(self):
        (self.folder / "data.db").touch()
        script = self.ok("completion", "bash").out

        def complete(*words):
            line = " ".join(f"'{word}'" for word in ("holdfast", *words))
            program = (f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _holdfast; "
                       'printf "%s\\n" "${COMPREPLY[@]}"')
            done = subprocess.run(["bash", "-c", program], cwd=self.folder, text=True, capture_output=True, check=True)
            return done.stdout.split()

        self.assertEqual(["salvage", "selftest", "serve", "show", "snapshots", "stats", "status"], sorted(set(complete("s"))))
        self.assertEqual(["recovery", "remove"], sorted(complete("key", "re")))
        self.assertIn("--keep-daily", complete("forget", "--keep"))
        for command in ("backup", "salvage", "import", "recover", "archive"):
            self.assertIn("data.db", complete(command, "da"))
        self.assertEqual(["latest"], complete("archive", "la"))
        self.assertEqual(["latest"], complete("--repo", "/x", "restore", "la"))

    def test_the_manual_page_names_every_command(self):
        page = self.ok("man").out
        self.assertTrue(page.startswith(".TH HOLDFAST 1"))
        for command in ("backup", "restore", "key recovery"):
            self.assertIn(f'.SS "holdfast {command}', page)


class WithoutARepository(Scenario):
    def test_it_is_said_where_none_is(self):
        self.database()
        for words in (["backup", "app.db"], ["snapshots"], ["restore", "latest"], ["verify"], ["prune"], ["log"],
                      ["stats"], ["forget", "--keep-last", "1"], ["key", "list"]):
            error = self.failure(10, *words)
            self.assertEqual("repository_missing", error["code"])

    def test_it_is_asked_for_one_when_none_is_named(self):
        error = self.failure(2, "snapshots", HOLDFAST_REPO=None)
        self.assertIn("--repo", error["next"])

    def test_people_get_three_short_lines(self):
        answer = self.expect(10, "snapshots")
        self.assertEqual("", answer.out)
        self.assertEqual(["Error:", "Safe:", "Next:"], [line.split()[0] for line in answer.err.splitlines()])


class Init(Scenario):
    def test_it_prints_the_recovery_code_once_and_the_code_opens_the_repository(self):
        answer = self.ok("init")
        code = re.search(r"^ +((?:[0-9A-Z]{5}-){7}[0-9A-Z]{5})$", answer.out, re.MULTILINE).group(1)
        self.database()
        self.backup()
        self.assertEqual(1, len(self.ok_json("snapshots", HOLDFAST_PASSPHRASE=code.lower())))
        for words in (["snapshots"], ["log"], ["key", "list"]):
            self.assertNotIn(code, self.ok(*words).out)

    def test_it_never_touches_a_repository_that_is_there(self):
        self.init()
        self.assertEqual("repository_exists", self.failure(11, "init")["code"])

    def test_without_a_passphrase_and_a_terminal_it_refuses(self):
        error = self.failure(13, "init", HOLDFAST_PASSPHRASE=None)
        self.assertEqual("passphrase_missing", error["code"])
        self.assertFalse(self.repository.exists() and any(self.repository.iterdir()))

    def test_without_encryption_no_passphrase_is_needed(self):
        self.environment["HOLDFAST_PASSPHRASE"] = None
        answer = self.ok_json("init", "--no-encryption")
        self.assertIsNone(answer["recovery_code"])
        self.assertFalse(answer["encrypted"])
        self.database()
        self.backup()
        self.ok("verify", "--read-data")

    def test_a_passphrase_for_an_unencrypted_repository_is_refused(self):
        self.ok("init", "--no-encryption", HOLDFAST_PASSPHRASE=None)
        self.assertEqual("encryption_mismatch", self.failure(14, "snapshots")["code"])


class Passphrases(Scenario):
    def test_a_wrong_one_is_refused(self):
        self.init()
        self.assertEqual("wrong_passphrase", self.failure(13, "snapshots", HOLDFAST_PASSPHRASE="wrong")["code"])

    def test_one_may_stand_in_a_file(self):
        self.init()
        secret = self.folder / "secret"
        secret.write_text(PASSPHRASE + "\n")
        secret.chmod(0o600)
        answer = self.ok("snapshots", HOLDFAST_PASSPHRASE=None, HOLDFAST_PASSPHRASE_FILE=str(secret))
        self.assertNotIn("Warning", answer.err)

    def test_a_file_that_others_may_read_is_warned_about(self):
        self.init()
        secret = self.folder / "secret"
        secret.write_text(PASSPHRASE + "\n")
        secret.chmod(0o644)
        answer = self.ok("snapshots", HOLDFAST_PASSPHRASE=None, HOLDFAST_PASSPHRASE_FILE=str(secret))
        self.assertIn("Warning: other users may read", answer.err)

    def test_one_may_be_named_by_the_configuration(self):
        self.init()
        secret = self.folder / "secret"
        secret.write_text(PASSPHRASE)
        secret.chmod(0o600)
        self.configure('passphrase_file = "secret"\n')
        self.ok("snapshots", HOLDFAST_PASSPHRASE=None)

    def test_it_is_asked_for_on_a_terminal_without_echo(self):
        self.init()
        status, shown = self.on_terminal(["snapshots"], [("Passphrase of", PASSPHRASE)], HOLDFAST_PASSPHRASE=None)
        self.assertEqual(0, status, shown)
        self.assertNotIn(PASSPHRASE, shown)

    def test_a_slip_on_a_terminal_is_forgiven(self):
        self.init()
        answers = [("Passphrase of", "korrect horse"), ("Passphrase of", PASSPHRASE)]
        status, shown = self.on_terminal(["snapshots"], answers, HOLDFAST_PASSPHRASE=None)
        self.assertEqual(0, status, shown)

    def test_init_asks_twice(self):
        status, shown = self.on_terminal(["init"], [("New passphrase", "one"), ("The same again", "one")],
                                         HOLDFAST_PASSPHRASE=None)
        self.assertEqual(0, status, shown)
        self.ok("snapshots", HOLDFAST_PASSPHRASE="one")

    def test_init_refuses_two_that_differ(self):
        status, shown = self.on_terminal(["init"], [("New passphrase", "one"), ("The same again", "two")],
                                         HOLDFAST_PASSPHRASE=None)
        self.assertEqual(2, status, shown)
        self.failure(10, "snapshots")

    def test_the_command_in_the_log_holds_no_secret(self):
        self.init()
        self.database()
        self.backup()
        self.assertNotIn(PASSPHRASE, self.ok("log", "--json").out)


class Backup(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.path = self.database()

    def test_it_answers_one_object(self):
        answer = self.backup("app.db")
        self.assertRegex(answer["snapshot"], r"^[0-9a-f]{32}$")
        self.assertRegex(answer["name"], r"^app_backup_\d{8}_\d{6}$")
        self.assertGreater(answer["seconds"], 0)
        self.assertEqual([], answer["warnings"])
        (database,) = answer["databases"]
        self.assertEqual("app", database["name"])
        for field in ("pages", "pages_changed", "bytes_read", "bytes_stored"):
            self.assertGreater(database[field], 0, field)

    def test_json_is_all_that_stands_on_stdout(self):
        answer = self.ok("backup", "app.db", "--json")
        self.assertEqual(answer.json["snapshot"], self.snapshot_ids()[0])
        self.assertTrue(answer.out.startswith("{") and answer.out.endswith("}\n"))

    def test_an_unchanged_database_costs_nothing(self):
        self.backup()
        self.assertEqual(0, self.backup()["databases"][0]["pages_changed"])

    def test_people_are_told_what_changed(self):
        answer = self.ok("backup", "app.db")
        self.assertIn("app: ", answer.out)
        self.assertRegex(answer.out, r'Snapshot [0-9a-f]{8} "app_backup_\d+_\d+" is safe')

    def test_quiet_says_nothing(self):
        answer = self.ok("backup", "app.db", "--quiet")
        self.assertEqual(("", ""), (answer.out, answer.err))

    def test_it_may_be_named_and_tagged(self):
        answer = self.backup("app.db", "--name", "before the move", "--tag", "weekly", "--tag", "big")
        self.assertEqual("before the move", answer["name"])
        self.assertEqual(["big", "weekly"], answer["tags"])
        self.assertEqual(answer["snapshot"], self.ok_json("show", "before the move")["id"])

    def test_a_name_that_cannot_be_one_is_refused_before_anything_is_read(self):
        self.assertEqual("usage", self.failure(2, "backup", "app.db", "--name", "latest")["code"])
        self.assertEqual([], self.snapshot_ids())

    def test_bad_files_are_told_apart(self):
        (self.folder / "empty.db").touch()
        (self.folder / "text.db").write_text("no database at all, but long enough to be looked at. " * 40)
        self.assertEqual("database_missing", self.failure(30, "backup", "gone.db")["code"])
        self.assertEqual("database_empty", self.failure(31, "backup", "empty.db")["code"])
        self.assertEqual("not_a_database", self.failure(32, "backup", "text.db")["code"])
        self.assertEqual("database_unknown", self.failure(38, "backup", "nonsense")["code"])
        self.assertEqual("usage", self.failure(2, "backup")["code"])
        self.assertEqual([], self.snapshot_ids())

    def test_a_failure_is_in_the_log(self):
        self.failure(30, "backup", "gone.db")
        self.assertEqual("database_missing", self.ok_json("log")[-1]["result"])

    def test_postgres_is_clearly_not_yet(self):
        error = self.failure(46, "backup", "postgres://db/app")
        self.assertIn("PostgreSQL", error["message"])

    def test_a_url_names_a_database(self):
        self.assertEqual("app", self.backup(f"sqlite:///{self.path}")["databases"][0]["name"])
        self.assertEqual("app", self.backup("sqlite:///app.db")["databases"][0]["name"])

    def test_a_damaged_database_is_backed_up_loudly(self):
        path = self.database("torn.db", rows=5000, mode="delete")
        with open(path, "r+b") as file:
            file.seek(4096 * 4)
            file.write(os.urandom(4096 * 60))
        answer = self.run_program("backup", "torn.db", "--json")
        self.assertEqual(3, answer.status, answer)
        self.assertTrue(answer.json["databases"][0]["damage"])
        self.assertIn("Warning:", answer.err)
        self.assertIn("torn (damaged)", self.ok("snapshots").out)

    def test_two_databases_belong_to_one_moment(self):  # A1
        self.database("users.db")
        answer = self.backup("app.db", "users.db")
        self.assertEqual({"app", "users"}, {database["name"] for database in answer["databases"]})
        self.assertEqual(1, len(self.snapshot_ids()))

    def test_a_file_whose_name_cannot_be_one_is_refused(self):
        os.rename(self.path, self.folder / "a\x1b[31m.db")
        error = self.expect(2, "backup", "a\x1b[31m.db")
        self.assertIn("[databases.NAME]", error.err)
        self.assertNotIn("\x1b", error.err)

    def test_two_files_of_one_name_are_refused(self):
        self.database("one/app.db")
        self.assertEqual("usage", self.failure(2, "backup", "app.db", "one/app.db")["code"])

    def test_the_key_cache_does_not_change_what_opens(self):
        self.ok("snapshots", HOLDFAST_KEY_CACHE=None)
        self.ok("snapshots", HOLDFAST_KEY_CACHE=None)
        self.failure(13, "snapshots", HOLDFAST_KEY_CACHE=None, HOLDFAST_PASSPHRASE="wrong")

    def test_the_cache_is_kept_where_it_is_said(self):
        self.backup("app.db", "--cache-dir", "elsewhere")
        self.assertTrue(any((self.folder / "elsewhere").iterdir()))
        self.assertFalse((self.folder / "cache").exists())
        self.backup("app.db", "--no-cache")
        self.assertFalse((self.folder / "cache").exists())

    def test_the_default_cache_is_below_the_home_folder(self):
        self.backup("app.db", HOLDFAST_CACHE_DIR=None)
        self.assertTrue((self.folder / ".cache" / "holdfast").is_dir())
        self.backup("app.db", HOLDFAST_CACHE_DIR=None, XDG_CACHE_HOME=str(self.folder / "xdg"))
        self.assertTrue((self.folder / "xdg" / "holdfast").is_dir())


class Series(Scenario):
    """A5: `daily` keeps so many, `weekly` so many, and neither touches the other."""

    def setUp(self):
        super().setUp()
        self.init()
        self.database()

    def test_backup_forgets_within_its_own_series_only(self):
        weekly = self.backup("app.db", "--tag", "weekly")["snapshot"]
        plain = self.backup("app.db")["snapshot"]
        daily = [self.backup("app.db", "--tag", "daily", "--keep-last", "2") for _ in range(4)]
        kept = self.snapshot_ids()
        self.assertEqual({weekly, plain, daily[2]["snapshot"], daily[3]["snapshot"]}, set(kept))
        self.assertEqual([daily[1]["snapshot"]], daily[3]["forgotten"])

    def test_other_databases_are_another_series(self):
        self.database("users.db")
        both = self.backup("app.db", "users.db", "--tag", "daily")["snapshot"]
        self.backup("app.db", "--tag", "daily", "--keep-last", "1")
        self.backup("app.db", "--tag", "daily", "--keep-last", "1")
        self.assertIn(both, self.snapshot_ids())
        self.assertEqual(2, len(self.snapshot_ids()))

    def test_a_policy_that_keeps_nothing_backs_nothing_up(self):
        self.failure(2, "backup", "app.db", "--keep-last", "0")
        self.assertEqual([], self.snapshot_ids())


class Configuration(Scenario):
    """A2: environment variable, then volume, then development path; the first hit wins, and it says which."""

    def setUp(self):
        super().setUp()
        self.init()
        self.place = str(self.repository) if self.gateway else "repository"  # beside the file
        self.configure(f'repository = "{self.place}"\n'
                       f'[databases.arrow]\n'
                       f'source = ["$ARROW_DATABASE_PATH", "{self.folder}/volume/arrow.db", "./arrow.db"]\n'
                       f'[databases.users]\nsource = "users.db"\n')
        self.environment["HOLDFAST_REPO"] = None
        self.database("arrow.db")
        self.database("users.db")

    def source(self, **variables):
        answer = self.ok("backup", "arrow", "--json", **variables)
        return answer.json["databases"][0]["source"], answer.err

    def test_the_development_path_is_last(self):
        source, said = self.source()
        self.assertEqual(str(self.folder / "arrow.db"), source)
        self.assertIn("from ./arrow.db (the file is there)", said)

    def test_the_volume_comes_before_it(self):
        self.database("volume/arrow.db")
        source, said = self.source()
        self.assertEqual(str(self.folder / "volume/arrow.db"), source)
        self.assertIn("volume/arrow.db", said)

    def test_the_variable_comes_first(self):
        self.database("volume/arrow.db")
        self.database("other.db")
        source, said = self.source(ARROW_DATABASE_PATH=str(self.folder / "other.db"))
        self.assertEqual(str(self.folder / "other.db"), source)
        self.assertIn("from $ARROW_DATABASE_PATH (the variable is set)", said)

    def test_a_variable_that_leads_nowhere_never_means_another_database(self):
        self.failure(30, "backup", "arrow", ARROW_DATABASE_PATH="/nowhere/arrow.db")

    def test_an_empty_variable_is_none(self):
        self.assertEqual(str(self.folder / "arrow.db"), self.source(ARROW_DATABASE_PATH="")[0])

    def test_all_means_all(self):
        answer = self.backup("--all")
        self.assertEqual(["arrow", "users"], [database["name"] for database in answer["databases"]])

    def test_several_are_not_guessed_among(self):
        self.assertIn("--all", self.failure(2, "backup")["next"])

    def test_a_configured_file_given_as_a_path_has_its_configured_name(self):
        os.rename(self.folder / "users.db", self.folder / "people.db")
        self.configure(f'repository = "{self.place}"\n[databases.users]\nsource = "people.db"\n')
        self.assertEqual("users", self.backup("./people.db")["databases"][0]["name"])

    def test_an_unknown_key_is_refused_with_the_right_one_and_its_line(self):
        self.configure('repositroy = "x"\n')
        error = self.failure(2, "config", "check")
        self.assertEqual("configuration", error["code"])
        self.assertIn('line 1: unknown key "repositroy"; did you mean "repository"?', error["message"])
        self.configure('[databases.app]\nsorce = "x"\n')
        self.assertIn('line 2: unknown key "sorce" in [databases.app]; did you mean "source"?',
                      self.failure(2, "backup", "--all")["message"])

    def test_check_tells_what_it_means(self):
        answer = self.ok_json("config", "check")
        self.assertTrue(answer["repository_found"])
        self.assertEqual(["arrow", "users"], [database["name"] for database in answer["databases"]])
        self.assertIn("All is right.", self.ok("config", "check").out)

    def test_check_warns_of_a_database_that_is_not_there(self):
        os.remove(self.folder / "users.db")
        answer = self.expect(3, "config", "check", "--json")
        self.assertFalse(answer.json["databases"][1]["found"])
        self.assertIn("Warning: database users", answer.err)

    def test_check_is_right_without_any_file(self):
        os.remove(self.folder / "holdfast.toml")
        self.assertIsNone(self.ok_json("config", "check", HOLDFAST_REPO=str(self.repository))["file"])

    def test_it_is_found_by_option_and_variable_with_paths_relative_to_it(self):
        self.only_in_a_folder("places in a store are relative to nothing")
        away = self.folder / "away"
        away.mkdir()
        os.rename(self.folder / "holdfast.toml", away / "other.toml")
        answer = self.run_program("config", "check", "--config", "away/other.toml", "--json").json
        self.assertEqual(str(away / "repository"), answer["repository"])
        answer = self.run_program("config", "check", "--json", HOLDFAST_CONFIG="away/other.toml").json
        self.assertEqual(str(away / "other.toml"), answer["file"])
        self.failure(2, "config", "check", "--config", "nothing.toml")

    def test_the_command_line_comes_before_the_variable_and_that_before_the_file(self):
        check = self.run_program("config", "check", "--json", HOLDFAST_REPO="second").json
        self.assertEqual(str(self.folder / "second"), check["repository"])
        check = self.run_program("--repo", "first", "config", "check", "--json", HOLDFAST_REPO="second").json
        self.assertEqual(str(self.folder / "first"), check["repository"])

    def test_forget_follows_the_configured_retention(self):
        self.configure(f'repository = "{self.place}"\n[databases.users]\nsource = "users.db"\nkeep = {{ last = 1 }}\n')
        self.backup("users")
        newest = self.backup("users")["snapshot"]
        other = self.backup("arrow.db")["snapshot"]
        self.ok("forget", "--yes")
        self.assertEqual({newest, other}, set(self.snapshot_ids()))


class Snapshots(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.database()
        self.database("users.db")
        self.first = self.backup("app.db", "--tag", "daily")["snapshot"]
        self.second = self.backup("users.db")["snapshot"]
        self.third = self.backup("app.db", "users.db", "--name", "both")["snapshot"]

    def test_they_are_an_array_newest_first(self):
        answer = self.ok_json("snapshots")
        self.assertEqual([self.third, self.second, self.first], [snapshot["id"] for snapshot in answer])
        for snapshot in answer:
            for field in ("id", "time", "databases", "name", "tags", "host", "version", "command"):
                self.assertIn(field, snapshot)
            self.assertRegex(snapshot["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual([1, 2, 3], [snapshot["index"] for snapshot in answer])
        self.assertEqual(answer, self.ok_json("list"))

    def test_they_are_filtered(self):
        self.assertEqual([self.first], self.snapshot_ids("--tag", "daily"))
        self.assertEqual([self.third, self.second], self.snapshot_ids("--database", "users"))
        self.assertEqual([], self.snapshot_ids("--tag", "none"))

    def test_people_get_a_table(self):
        lines = self.ok("snapshots").out.splitlines()
        self.assertEqual(4, len(lines))
        self.assertIn(self.third[:8], lines[1])
        self.assertNotIn("\x1b", lines[0])

    def test_color_is_for_those_who_ask(self):
        self.assertIn("\x1b[1m", self.ok("snapshots", "--color", "always").out)

    def test_no_snapshots_is_an_empty_array(self):
        self.ok("forget", self.first, self.second, self.third, "--yes")
        self.assertEqual([], self.ok_json("snapshots"))
        self.assertIn("no snapshots yet", self.ok("snapshots").err)

    def test_show_tells_everything(self):  # A5
        shown = self.ok_json("show", self.first[:8])
        self.assertEqual(self.first, shown["id"])
        (database,) = shown["databases"]
        self.assertEqual([{"name": "item", "rows": 100}], database["tables"])
        self.assertEqual(1, database["table_count"])
        self.assertEqual(100, database["rows"])
        self.assertIn("100", self.ok("show", self.first[:8]).out)

    def test_a_snapshot_is_an_id_a_name_latest_or_an_index(self):  # M6
        for words, expected in ((["latest"], self.third), (["both"], self.third), ([self.second[:6]], self.second),
                                (["--index", "1"], self.third), (["--index", "3"], self.first),
                                (["--index", "2", "--database", "app"], self.first)):
            self.assertEqual(expected, self.ok_json("show", *words)["id"], words)

    def test_what_matches_nothing_or_several_is_refused(self):
        self.assertEqual("snapshot_missing", self.failure(15, "show", "ffffffffffff")["code"])
        self.failure(15, "show", "--index", "9")
        self.backup("app.db", "--name", "both")
        self.assertEqual("snapshot_ambiguous", self.failure(16, "show", "both")["code"])
        self.failure(2, "show")
        self.failure(2, "show", "latest", "--index", "1")

    def test_stats_tell_how_much_fits(self):  # M11
        stats = self.ok_json("stats", "--capacity", "1GB")
        self.assertEqual(3, stats["snapshots"])
        self.assertGreater(stats["deduplication_ratio"], 1)
        self.assertGreater(stats["capacity"]["records_left"], 1000)
        self.assertGreater(stats["capacity"]["percent_used"], 0)
        self.assertIn("more records fit", self.ok("stats", "--capacity", "1GB").out)
        self.failure(2, "stats", "--capacity", "much")

    def test_stats_tell_what_a_month_costs(self):
        cost = self.ok_json("stats", "--cost", "--backups", "10", "--hours", "2")["cost"]
        self.assertEqual(cost["workload"]["backups_a_day"], 10)
        self.assertGreater(cost["a_month"]["writes"], 30 * 2 * 3600 / 0.4)
        self.assertTrue(all(service["total"] > 0 for service in cost["services"]))
        prices = self.folder / "prices.toml"
        prices.write_text(self.ok("stats", "--print-prices").out)
        same = self.ok_json("stats", "--cost", "--backups", "10", "--hours", "2", "--prices", str(prices))
        self.assertEqual(same["cost"], cost)
        prices.write_text("[[service]]\nname = 'ours'\ncurrency = 'EUR'\nwrites_1000 = 1000\nlists_1000 = 0\n")
        ours = self.ok_json("stats", "--cost", "--prices", "prices.toml")["cost"]
        self.assertEqual(ours["services"][0]["total"], ours["a_month"]["writes"])
        self.assertIn("EUR", self.ok("stats", "--cost", "--prices", str(prices)).out)
        prices.write_text("[[service]]\nname = 'ours'\nwrite_1000 = 1\n")
        self.assertIn("writes_1000", self.failure(2, "stats", "--cost", "--prices", str(prices))["next"])
        self.failure(2, "stats", "--prices", str(prices))

    def test_the_log_tells_who_did_what(self):  # A10
        self.ok("forget", self.first, "--yes")
        entries = self.ok_json("log")
        self.assertEqual(["init", "backup", "backup", "backup", "forget"], [entry["operation"] for entry in entries])
        for entry in entries:
            for field in ("time", "host", "command", "result"):
                self.assertTrue(entry[field], field)
        self.assertIn("--tag daily", entries[1]["command"])
        self.assertEqual(entries[-2:], self.ok_json("log", "--last", "2"))


class Verify(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.database(rows=3000)
        self.snapshot = self.backup()["snapshot"]

    def packs(self):
        return [path for path in (self.repository / "packs").rglob("*") if path.is_file()]

    def test_a_sound_repository_passes(self):
        answer = self.ok_json("verify", "--all", "--read-data")
        self.assertTrue(answer["ok"])
        self.assertEqual(1, answer["databases_proved"])
        self.assertGreater(answer["bytes_read"], 0)
        self.ok("verify", self.snapshot[:8])
        self.ok("verify", "--read-data=50%")

    def test_sqlite_is_asked_too(self):
        answer = self.ok_json("verify", "latest", "--integrity")
        self.assertEqual({"databases": 1, "findings": []}, answer["integrity"])

    def test_copies_for_the_check_are_gone_afterwards(self):
        place = self.folder / "place"
        place.mkdir()
        self.ok("verify", "--integrity", TMPDIR=str(place))
        self.assertEqual([], list(place.iterdir()))

    def test_a_missing_pack_is_named(self):
        largest = max(self.packs(), key=lambda path: path.stat().st_size)
        largest.unlink()
        answer = self.expect(23, "verify", "--all", "--json")
        self.assertFalse(answer.json["ok"])
        self.assertEqual("verification_failed", answer.json["error"]["code"])
        self.assertTrue(answer.json["damage"])
        self.assertFalse(answer.json["snapshots"][0]["restorable"])

    def test_what_cannot_be_restored_is_a_finding_of_the_integrity_check(self):
        max(self.packs(), key=lambda path: path.stat().st_size).unlink()
        (finding,) = self.expect(23, "verify", "--integrity", "--json").json["integrity"]["findings"]
        self.assertFalse(finding["restored"])
        self.assertTrue(finding["messages"])

    def test_a_database_that_was_damaged_already_is_said_to_be(self):
        path = self.database("torn.db", rows=5000, mode="delete")
        with open(path, "r+b") as file:
            file.seek(4096 * 4)
            file.write(os.urandom(4096 * 60))
        self.expect(3, "backup", "torn.db")
        answer = self.expect(23, "verify", "--read-data", "--integrity", "--json").json
        self.assertEqual([], answer["damage"])
        (finding,) = answer["integrity"]["findings"]
        self.assertTrue(finding["restored"] and finding["known_when_backed_up"])
        self.assertEqual("torn", finding["database"])

    def test_a_flipped_bit_is_found_and_the_next_backup_heals_it(self):
        largest = max(self.packs(), key=lambda path: path.stat().st_size)
        largest.chmod(0o600)
        content = bytearray(largest.read_bytes())
        content[len(content) // 2] ^= 1
        largest.write_bytes(content)
        answer = self.expect(23, "verify", "--read-data")
        self.assertIn("damaged: packs/", answer.out)
        self.assertIn("Error:", answer.err)
        self.backup()
        newest = self.snapshot_ids()[0]
        self.ok("restore", newest, "--to", "back.db")
        self.assertEqual(self.content(self.folder / "app.db"), self.content(self.folder / "back.db"))

    def test_percentages_have_bounds(self):
        for percent in ("0", "101", "x"):
            self.failure(2, "verify", f"--read-data={percent}")
        self.failure(2, "verify", "latest", "--all")


class Restore(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.path = self.database()
        self.before = self.content(self.path)
        self.snapshot = self.backup()["snapshot"]
        self.sql(self.path, "DELETE FROM item WHERE id % 2 = 0")
        self.after = self.content(self.path)

    def test_over_a_file_it_needs_a_yes(self):  # A6
        self.assertEqual("confirmation_needed", self.failure(4, "restore", "latest")["code"])
        self.assertEqual(self.after, self.content(self.path))

    def test_over_a_file_it_takes_a_safety_snapshot_and_can_be_undone(self):  # X2
        answer = self.ok_json("restore", "latest", "--yes")
        self.assertEqual(self.before, self.content(self.path))
        (database,) = answer["databases"]
        self.assertEqual(["before-restore"], self.ok_json("show", database["safety_snapshot"])["tags"])
        undo = database["undo"].split()
        self.assertEqual("holdfast", undo[0])
        self.ok(*undo[1:], "--yes")
        self.assertEqual(self.after, self.content(self.path))

    def test_latest_is_the_latest_backup_not_what_a_restore_put_away(self):
        self.ok("restore", "latest", "--yes")
        self.ok("restore", "latest", "--yes")
        self.assertEqual(self.before, self.content(self.path))
        self.assertEqual(self.snapshot, self.ok_json("show", "latest")["id"])

    def test_people_are_told_how_to_undo(self):
        self.assertIn("To undo: holdfast restore ", self.ok("restore", "latest", "--yes").out)

    def test_a_deleted_database_comes_back_without_questions(self):
        os.remove(self.path)
        for suffix in ("-wal", "-shm"):
            (self.folder / f"app.db{suffix}").unlink(missing_ok=True)
        self.ok("restore", "latest")
        self.assertEqual(self.before, self.content(self.path))

    def test_it_goes_to_another_file_or_into_a_folder(self):
        self.ok("restore", "latest", "--to", "copy.db")
        self.assertEqual(self.before, self.content(self.folder / "copy.db"))
        (self.folder / "there").mkdir()
        self.ok("restore", "latest", "--to", "there")
        self.assertEqual(self.before, self.content(self.folder / "there" / "app.db"))

    def test_a_dry_run_changes_nothing(self):
        answer = self.ok_json("restore", "latest", "--dry-run")
        self.assertTrue(answer["dry_run"])
        self.assertEqual(str(self.path), answer["databases"][0]["target"])
        self.assertTrue(answer["databases"][0]["replaces"])
        self.assertEqual(self.after, self.content(self.path))
        self.assertEqual(1, len(self.snapshot_ids()))

    def test_it_says_which_snapshots_there_are_when_none_is_named(self):  # A6
        answer = self.expect(2, "restore")
        self.assertIn(self.snapshot[:8], answer.err)

    def test_on_a_terminal_it_asks_which_and_whether(self):
        status, shown = self.on_terminal(["restore"], [("Which snapshot", "1"), ("[y/N]", "y")])
        self.assertEqual(0, status, shown)
        self.assertEqual(self.before, self.content(self.path))

    def test_a_no_on_a_terminal_changes_nothing(self):
        status, shown = self.on_terminal(["restore", "latest"], [("[y/N]", "n")])
        self.assertEqual(4, status, shown)
        self.assertEqual(self.after, self.content(self.path))

    def test_one_of_two_databases_is_restored_alone(self):  # A1
        users = self.database("users.db")
        self.backup("app.db", "users.db")
        kept, lost = self.content(users), self.content(self.path)
        self.sql(users, "DELETE FROM item")
        self.sql(self.path, "DELETE FROM item")
        self.ok("restore", "latest", "--database", "users", "--yes")
        self.assertEqual(kept, self.content(users))
        self.assertEqual(0, self.content(self.path)[0])
        self.ok("restore", "--index", "1", "--database", "app", "--yes")
        self.assertEqual(lost, self.content(self.path))

    def test_two_databases_are_restored_together(self):  # A1
        users = self.database("users.db")
        self.backup("app.db", "users.db")
        answer = self.ok_json("restore", "latest", "--to", "both")
        self.assertEqual(2, len(answer["databases"]))
        self.assertEqual(self.content(users), self.content(self.folder / "both" / "users.db"))
        self.assertEqual(self.after, self.content(self.folder / "both" / "app.db"))

    def test_a_database_that_is_not_in_it_is_refused(self):
        self.failure(15, "restore", "latest", "--database", "user")
        self.failure(15, "restore", "nothing", "--yes")

    def test_its_configured_path_is_where_it_goes(self):
        moved = self.folder / "moved.db"
        self.configure('[databases.app]\nsource = "moved.db"\n')
        self.ok("restore", "latest")
        self.assertEqual(self.before, self.content(moved))
        self.assertEqual(self.after, self.content(self.path))

    def test_it_is_refused_while_another_process_has_the_database_open(self):
        program = ("import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM item').fetchall();"
                   "print('open', flush=True); sys.stdin.read()")
        with subprocess.Popen(["python3", "-c", program, str(self.path)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as other:
            other.stdout.readline()
            self.assertEqual("database_open", self.failure(35, "restore", "latest", "--yes")["code"])
            self.ok("restore", "latest", "--yes", "--while-open")
            other.stdin.close()
        self.assertEqual(self.before, self.content(self.path))

    def test_it_is_in_the_log(self):
        self.ok("restore", "latest", "--yes")
        entry = self.ok_json("log")[-1]
        self.assertEqual(("restore", "ok"), (entry["operation"], entry["result"]))

    def test_no_safety_snapshot_means_none(self):
        answer = self.ok_json("restore", "latest", "--yes", "--no-safety-snapshot")
        self.assertIsNone(answer["databases"][0]["safety_snapshot"])
        self.assertEqual(1, len(self.snapshot_ids()))


class ForgetAndPrune(Scenario):
    def setUp(self):
        super().setUp()
        self.init()
        self.path = self.database()
        self.ids = []
        for _ in range(3):
            self.sql(self.path, "UPDATE item SET text = hex(randomblob(50))")
            self.ids.insert(0, self.backup()["snapshot"])

    def test_it_needs_a_yes(self):
        self.assertEqual("confirmation_needed", self.failure(4, "forget", "--keep-last", "1")["code"])
        self.assertEqual(self.ids, self.snapshot_ids())

    def test_a_policy_is_applied(self):
        answer = self.ok_json("forget", "--keep-last", "1", "--yes")
        self.assertEqual([self.ids[0]], [one["id"] for one in answer["keep"]])
        self.assertTrue(answer["keep"][0]["reasons"])
        self.assertEqual(self.ids[1:], [one["id"] for one in answer["remove"]])
        self.assertEqual(self.ids[:1], self.snapshot_ids())

    def test_a_dry_run_removes_nothing(self):
        answer = self.ok_json("forget", "--keep-last", "1", "--dry-run")
        self.assertTrue(answer["dry_run"])
        self.assertEqual(2, len(answer["remove"]))
        self.assertEqual(self.ids, self.snapshot_ids())

    def test_an_empty_policy_is_refused(self):
        self.failure(2, "forget", "--yes")
        self.failure(2, "forget", "--keep-last", "0", "--yes")
        self.failure(2, "forget", "--keep-last", "-3", "--yes")
        self.assertEqual(self.ids, self.snapshot_ids())

    def test_snapshots_may_be_named(self):
        self.ok("forget", self.ids[1], "--yes")
        self.assertEqual([self.ids[0], self.ids[2]], self.snapshot_ids())
        self.failure(2, "forget", self.ids[0], "--keep-last", "1", "--yes")

    def test_safety_snapshots_never_displace_backups(self):
        self.ok("restore", self.ids[2], "--yes")
        self.ok("forget", "--keep-last", "1", "--yes")
        kept = self.ok_json("snapshots")
        self.assertEqual(2, len(kept))
        self.assertIn(self.ids[0], [snapshot["id"] for snapshot in kept])

    def test_leaving_nothing_of_a_database_is_warned_about(self):
        answer = self.ok("forget", *self.ids, "--yes")
        self.assertIn("no intact snapshot of app would be left", answer.err)

    def test_on_a_terminal_it_asks(self):
        status, shown = self.on_terminal(["forget", "--keep-last", "1"], [("Forget 2 snapshots? [y/N]", "y")])
        self.assertEqual(0, status, shown)
        self.assertEqual(self.ids[:1], self.snapshot_ids())

    def test_prune_frees_what_was_forgotten(self):
        def size():
            return sum(path.stat().st_size for path in (self.repository / "packs").rglob("*") if path.is_file())

        before = size()
        self.ok("forget", "--keep-last", "1", "--yes")
        planned = self.ok_json("prune", "--dry-run")
        self.assertEqual(before, size())
        freed = self.ok_json("prune", "--max-unused", "0")
        self.assertLess(size(), before)
        self.assertGreater(planned["bytes_freed"], 0)
        self.assertGreater(freed["bytes_freed"], 0)
        self.ok("verify", "--all", "--read-data")
        self.ok("restore", "latest", "--to", "copy.db")
        self.assertEqual(self.content(self.path), self.content(self.folder / "copy.db"))

    def test_forget_can_prune_at_once(self):
        answer = self.ok_json("forget", "--keep-last", "1", "--yes", "--prune")
        self.assertGreater(answer["pruned"]["bytes_freed"], 0)
        self.assertEqual(["forget", "prune"], [entry["operation"] for entry in self.ok_json("log")][-2:])

    def test_a_percentage_of_garbage_has_bounds(self):
        self.failure(2, "prune", "--max-unused", "200")


class Keys(Scenario):
    def setUp(self):
        super().setUp()
        self.made = self.init()

    def keys(self, **variables):
        return self.ok_json("key", "list", **variables)

    def test_a_repository_begins_with_a_passphrase_and_a_recovery_code(self):
        self.assertEqual(["passphrase", "recovery"], sorted(key["kind"] for key in self.keys()))

    def test_another_passphrase_is_added_and_removed(self):
        added = self.ok_json("key", "add", "--label", "night shift", HOLDFAST_NEW_PASSPHRASE="other")["added"]
        self.assertEqual("night shift", added["label"])
        self.ok("snapshots", HOLDFAST_PASSPHRASE="other")
        self.ok("key", "remove", added["id"][:8])
        self.failure(13, "snapshots", HOLDFAST_PASSPHRASE="other")
        self.failure(18, "key", "remove", added["id"])

    def test_the_passphrase_is_changed(self):
        self.ok("key", "change", HOLDFAST_NEW_PASSPHRASE="other")
        self.failure(13, "snapshots")
        self.ok("snapshots", HOLDFAST_PASSPHRASE="other")
        self.ok("snapshots", HOLDFAST_PASSPHRASE=self.made["recovery_code"])

    def test_a_changed_passphrase_is_not_kept_by_the_key_cache(self):
        self.environment["HOLDFAST_KEY_CACHE"] = None
        self.ok("snapshots")
        self.ok("key", "change", HOLDFAST_NEW_PASSPHRASE="other")
        self.failure(13, "snapshots")

    def test_the_new_passphrase_is_asked_for_on_a_terminal(self):
        status, shown = self.on_terminal(["key", "add"], [("New passphrase", "typed"), ("The same again", "typed")])
        self.assertEqual(0, status, shown)
        self.ok("snapshots", HOLDFAST_PASSPHRASE="typed")
        self.failure(13, "key", "add")

    def test_a_new_recovery_code_replaces_the_old(self):
        code = self.ok_json("key", "recovery", "--replace")["recovery_code"]
        self.ok("snapshots", HOLDFAST_PASSPHRASE=code)
        self.failure(13, "snapshots", HOLDFAST_PASSPHRASE=self.made["recovery_code"])

    def test_the_last_key_stays(self):
        by_kind = {key["kind"]: key["id"] for key in self.keys()}
        self.ok("key", "remove", by_kind["recovery"])
        self.assertEqual("last_key", self.failure(17, "key", "remove", by_kind["passphrase"])["code"])
        self.assertEqual(1, len(self.keys()))

    def test_changes_are_in_the_log(self):
        self.ok("key", "add", HOLDFAST_NEW_PASSPHRASE="other")
        self.assertEqual("key add", self.ok_json("log")[-1]["operation"])


class AtTheEdges(Scenario):
    def test_an_interrupted_prompt_ends_with_its_own_status(self):
        self.init()
        self.environment["HOLDFAST_PASSPHRASE"] = None
        status, shown = self.on_terminal(["snapshots"], [("Passphrase of", "\x03")])
        self.assertEqual(5, status, shown)

    def test_a_signal_ends_a_backup_with_its_own_status_and_no_snapshot(self):
        self.init()
        self.database("large.db", rows=400_000)
        environment = {name: value for name, value in self.environment.items() if value}
        process = subprocess.Popen([PROGRAM, "backup", "large.db"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # The writer announces itself by an intent before it reads the first page.
        intents = self.repository / "intents"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and not any(intents.glob("*")):
            pass
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        if process.returncode == 0:
            self.skipTest("it was done before the signal came")
        self.assertEqual(5, process.returncode, said)
        self.assertIn("Safe:", said)
        self.assertEqual([], self.snapshot_ids())
        self.backup("large.db")

    def test_an_answer_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(42, done.returncode, done.stderr)

    def test_a_reader_that_goes_away_is_no_error(self):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([PROGRAM, "help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
        os.close(writing)
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_a_repository_nobody_may_write_is_said_so(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        self.only_in_a_folder("whose mode says who may write")
        self.repository.mkdir(mode=0o500)
        self.assertEqual("permission_denied", self.failure(41, "init")["code"])

    def test_the_catalogue_of_errors_is_the_documented_one(self):
        from holdfast import ROOT
        document = ROOT / "docs" / "errors.md"
        if not document.exists():
            self.skipTest("docs/errors.md is not there")
        self.assertEqual(document.read_text(encoding="utf-8"), self.ok("errors").out)


if __name__ == "__main__":
    unittest.main()
