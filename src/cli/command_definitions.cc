#include "cli/command_definitions.h"

#include <array>

namespace holdfast::cli {
namespace {

constexpr const char* kEveryday = "Everyday";
constexpr const char* kHistory = "History";
constexpr const char* kRecords = "Records";
constexpr const char* kUpkeep = "Upkeep";
constexpr const char* kOther = "Other";

void words(CLI::App& app, Arguments& a) { app.add_option("words", a.words); }

// One value each time it is said: otherwise `--tag daily app.db` would take both.
void repeated(CLI::App& app, const char* names, std::vector<std::string>& into, const char* value,
              const char* text) {
  app.add_option(names, into, text)->allow_extra_args(false)->type_name(value);
}

void text_option(CLI::App& app, const char* names, std::string& into, const char* value,
                 const char* text) {
  app.add_option(names, into, text)->type_name(value);
}

void flag(CLI::App& app, const char* names, bool& into, const char* text) {
  app.add_flag(names, into, text);
}

void yes(CLI::App& app, Arguments& a) { flag(app, "-y,--yes", a.yes, "do not ask"); }
void dry_run(CLI::App& app, Arguments& a) {
  flag(app, "-n,--dry-run", a.dry_run, "only say what would be done");
}

void keep_options(CLI::App& app, KeepFlags& keep) {
  text_option(app, "--keep-last", keep.last, "N", "keep the newest N snapshots (or \"all\")");
  text_option(app, "--keep-hourly", keep.hourly, "N",
              "keep the newest of each of the last N hours that have any");
  text_option(app, "--keep-daily", keep.daily, "N", "the same for days");
  text_option(app, "--keep-weekly", keep.weekly, "N", "the same for weeks, which begin on Monday");
  text_option(app, "--keep-monthly", keep.monthly, "N", "the same for months");
  text_option(app, "--keep-yearly", keep.yearly, "N", "the same for years");
  text_option(app, "--keep-within", keep.within, "SPAN",
              "keep what is younger than SPAN (such as 30d or 1y6mo) when the newest was taken");
  repeated(app, "--keep-tag", keep.tags, "TAG", "keep what has this tag; may be repeated");
}

void tag_filter(CLI::App& app, Arguments& a) {
  repeated(app, "-t,--tag", a.tags, "TAG",
           "only snapshots with this tag; may be repeated: with all of them");
}
void database_filter(CLI::App& app, Arguments& a) {
  repeated(app, "-d,--database", a.databases, "DB",
           "only snapshots that hold this database; may be repeated");
}
void index_option(CLI::App& app, Arguments& a) {
  app.add_option("-i,--index", a.index, "choose the Nth newest snapshot; 1 is the newest")
      ->type_name("N");
}

void init_options(CLI::App& app, Arguments& a) {
  flag(app, "--no-encryption", a.no_encryption,
       "make a repository that anybody who can read it can restore from");
  text_option(app, "--label", a.label, "TEXT",
              "what to call the first key (user@host unless said)");
}

void backup_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "-a,--all", a.all, "all databases of the configuration, at one moment");
  text_option(app, "--name", a.name, "NAME",
              "call the snapshot so (DB_backup_YYYYMMDD_HHMMSS unless said)");
  repeated(app, "-t,--tag", a.tags, "TAG", "mark the snapshot; may be repeated");
  keep_options(app, a.keep);
}

void snapshots_options(CLI::App& app, Arguments& a) {
  tag_filter(app, a);
  database_filter(app, a);
}

void show_options(CLI::App& app, Arguments& a) {
  words(app, a);
  index_option(app, a);
  database_filter(app, a);
}

void stats_options(CLI::App& app, Arguments& a) {
  text_option(app, "--capacity", a.capacity, "SIZE",
              "say how full SIZE (such as 1GB) is, and how many days and records still fit");
}

void log_options(CLI::App& app, Arguments& a) {
  app.add_option("--last", a.last, "only the newest N entries")->type_name("N");
}

void verify_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "-a,--all", a.all, "all snapshots, and all that is stored (the same as naming none)");
  app.add_flag("--read-data{100}", a.read_data,
               "read every byte and prove every database's checksum; with =PERCENT, of so many of "
               "the packs, at random")
      ->type_name("PERCENT");
  flag(
      app, "--integrity", a.integrity,
      "also restore each database to a temporary folder and let SQLite check it (integrity_check)");
}

void restore_options(CLI::App& app, Arguments& a) {
  words(app, a);
  index_option(app, a);
  repeated(app, "-d,--database", a.databases, "DB",
           "only this database of the snapshot; may be repeated");
  text_option(app, "--at", a.at, "TIME",
              "as it was then: \"10 minutes ago\", \"2026-11-21 03:24\" (local), or RFC 3339");
  text_option(app, "--position", a.position, "P",
              "as it was at this position of its timeline: 1045, or 3.1045 of branch 3");
  text_option(app, "--mark", a.mark, "NAME", "as it was at the newest mark of this name");
  text_option(app, "--to", a.to, "PATH", "restore to this file, or into this folder");
  dry_run(app, a);
  yes(app, a);
  flag(app, "--while-open", a.while_open,
       "replace the database although another process has it open");
  flag(app, "--no-safety-snapshot", a.no_safety_snapshot,
       "do not first back up what is there: there will be no undo");
}

void guard_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "--fix", a.fix, "do what it decides; without it nothing is changed");
}

void forget_options(CLI::App& app, Arguments& a) {
  words(app, a);
  keep_options(app, a.keep);
  tag_filter(app, a);
  database_filter(app, a);
  dry_run(app, a);
  flag(app, "--prune", a.prune, "then free the space, as `holdfast prune` does");
  yes(app, a);
}

void prune_options(CLI::App& app, Arguments& a) {
  dry_run(app, a);
  text_option(app, "--max-unused", a.max_unused, "PERCENT",
              "leave packs alone that have no more garbage than this (5 unless said)");
}

void lease_wait_option(CLI::App& app, Arguments& a) {
  text_option(app, "--lease-wait", a.lease_wait, "SPAN",
              "wait so long for another process that replicates the same database (30s unless "
              "said)");
}

void replicate_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "-a,--all", a.all, "all databases of the configuration (the same as naming none)");
  lease_wait_option(app, a);
  flag(app, "--accept-fresh", a.accept_fresh,
       "replicate an empty database although a full history stands beside it");
  flag(app, "--events", a.events,
       "print a line of JSON whenever commits have become durable in the repository");
}

void run_options(CLI::App& app, Arguments& a) {
  repeated(app, "-d,--database", a.databases, "DB",
           "guard and replicate this database (all of the configuration unless said); may be "
           "repeated");
  lease_wait_option(app, a);
}

void status_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "-a,--all", a.all, "all databases of the configuration (the same as naming none)");
}

void key_add_options(CLI::App& app, Arguments& a) {
  text_option(app, "--label", a.label, "TEXT", "what to call it (user@host unless said)");
}

void key_recovery_options(CLI::App& app, Arguments& a) {
  flag(app, "--replace", a.replace, "remove the recovery codes there were");
}

void drill_options(CLI::App& app, Arguments& a) {
  words(app, a);
  text_option(app, "--to", a.to, "FOLDER",
              "where there is room for a copy (the system's temporary folder unless said)");
}

void diff_options(CLI::App& app, Arguments& a) {
  words(app, a);
  repeated(app, "-d,--database", a.databases, "DB", "which database of a snapshot is meant");
  repeated(app, "--table", a.tables, "T",
           "only this table, and what belongs to it; may be repeated");
  flag(app, "--summary", a.summary, "count the rows of each table, but do not show them");
  text_option(app, "--scratch", a.scratch, "FOLDER",
              "where there is room for a copy of a snapshot (the system's temporary folder unless "
              "said)");
}

void salvage_options(CLI::App& app, Arguments& a) {
  words(app, a);
  text_option(app, "--to", a.to, "NEW", "the database to write; it must not exist yet");
  flag(app, "--free-pages", a.free_pages,
       "also take what free pages hold: rows that were deleted, or moved");
  flag(app, "--replace", a.replace, "replace what is at NEW");
}

void put_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "--undelete", a.undelete, "bring the records back even if they were deleted");
}

void list_options(CLI::App& app, Arguments& a) {
  words(app, a);
  repeated(app, "--filter", a.filters, "FILTER",
           "only records with field=value; also !=, <, <=, >, >= and ~ (contains); may be "
           "repeated: with all of them");
  repeated(app, "--sort", a.sort, "FIELD",
           "in the order of this field, -FIELD the other way round; may be repeated");
  app.add_option("--page", a.page, "which page, from 0")->type_name("N");
  app.add_option("--size", a.size, "how many records a page has (50 unless said)")->type_name("N");
  snapshots_options(app, a);
}

void no_options(CLI::App&, Arguments&) {}

constexpr auto kDefinitions = std::to_array<CommandDefinition>({
    {"init", "", Command::kInit, kEveryday, "",
     "make a repository, and print its recovery code once",
     "The repository is encrypted under a passphrase, from HOLDFAST_PASSPHRASE, "
     "HOLDFAST_PASSPHRASE_FILE, "
     "the configuration, or typed twice. The recovery code opens it too, should the passphrase be "
     "lost: it is shown "
     "once and stored nowhere. Keep it on paper, away from the machine.",
     "holdfast init --repo /backup/app\n"
     "HOLDFAST_PASSPHRASE_FILE=/run/secrets/backup holdfast init  # in a script",
     init_options},
    {"backup", "", Command::kBackup, kEveryday, "[DB…]",
     "take a snapshot of databases, all at one moment",
     "DB is the name of a configured database, or the path of a SQLite file, whose name is then "
     "the file's without "
     "its ending. Applications go on writing meanwhile. Every snapshot is a full one; only what "
     "changed is stored.\n"
     "With --keep options, older snapshots of the same series are forgotten afterwards: those from "
     "this host, of the "
     "same databases, with exactly the same tags.",
     "holdfast backup app.db  # one file\n"
     "holdfast backup --all --tag nightly  # whatever holdfast.toml describes\n"
     "holdfast backup app.db --tag daily --keep-last 7  # and forget older dailies\n"
     "holdfast backup app.db --json | jq -r .snapshot",
     backup_options},
    {"restore", "", Command::kRestore, kEveryday, "SNAPSHOT",
     "bring databases back, proved equal to the snapshot",
     "SNAPSHOT is the beginning of an id, a name, or `latest` (the newest backup; what a restore "
     "put away does not "
     "count). What is at the target is backed up first, tagged `before-restore`. The database is "
     "written beside it, its checksum proved, and only then swapped in. Without --to, a database "
     "goes to its configured "
     "path, or else to where it was read from.\n"
     "--at, --position and --mark take a moment of a replicated database instead of a SNAPSHOT. "
     "Where none is known, the "
     "nearest ones before and after are named.",
     "holdfast restore latest  # asks before it replaces anything\n"
     "holdfast restore latest --to copy.db  # somewhere else\n"
     "holdfast restore --index 2 --database users --yes  # one of several, the second newest\n"
     "holdfast restore --at \"10 minutes ago\"  # any commit that was replicated\n"
     "holdfast restore --mark before-deploy --to copy.db\n"
     "holdfast restore 3f2a91c0 --dry-run",
     restore_options},
    {"replicate", "", Command::kReplicate, kEveryday, "[DB…]",
     "follow databases, and keep every commit as it happens",
     "Runs until it is told to end (TERM, INT); then the last commits are sent and the timeline is "
     "handed over. DB is the name of a configured database, a file, or a pattern in quotes such as "
     "'tenants/*.db'; all configured ones unless said. Applications are neither slowed down nor "
     "locked out, and nothing is written to their databases. While the repository cannot be "
     "reached, commits wait on this machine.",
     "holdfast replicate app.db\n"
     "holdfast replicate  # whatever holdfast.toml describes\n"
     "holdfast replicate 'tenants/*.db'  # files that come and go\n"
     "holdfast replicate app.db --events | jq -r .position",
     replicate_options},
    {"run", "", Command::kRun, kEveryday, "[--] COMMAND…",
     "start an application on safe databases, and replicate them while it runs",
     "Each database is first made what it must be, as `holdfast guard --fix` does: restored on an "
     "empty disk, merged, seeded, or refused. Then the command is started. It gets the signals, "
     "the terminal and the exit status of this program. When it has ended, the last commits are "
     "sent.",
     "holdfast run -- gunicorn app:app\n"
     "holdfast run --database app --lease-wait 1m -- ./server --port 80",
     run_options},
    {"guard", "", Command::kGuard, kEveryday, "[DB…]",
     "tell whether a database is what it must be, and with --fix make it so",
     "Missing, damaged, fresh or old databases, violated invariants and excluded rows are found; "
     "`on_violation` of the "
     "configuration says what is done about them, and docs/guard.md has the table. `holdfast run` "
     "does the same with --fix before it starts an application. Without --fix the exit status is "
     "6 if something would be done.",
     "holdfast guard  # only looks\n"
     "holdfast guard app --fix",
     guard_options},
    {"status", "", Command::kStatus, kEveryday, "[DB…]",
     "tell what is safe now, and whether anything is wrong",
     "Of each database: the last snapshot, the last commit that is durable and what is not yet, "
     "who "
     "replicates it, and when it was last proven that it can be restored. The exit status is 6 if "
     "any of them is not healthy.",
     "holdfast status\n"
     "holdfast status --json | jq -r '.[].lag_seconds'",
     status_options},
    {"snapshots", "", Command::kSnapshots, kHistory, "", "list the snapshots, newest first", "",
     "holdfast snapshots\n"
     "holdfast snapshots --tag daily --database app\n"
     "holdfast snapshots --json | jq -r '.[0].id'  # the newest",
     snapshots_options},
    {"show", "", Command::kShow, kHistory, "SNAPSHOT",
     "tell everything about a snapshot: tables, rows, sizes",
     "SNAPSHOT is the beginning of an id, a name, or `latest`.",
     "holdfast show latest\n"
     "holdfast show --index 3\n"
     "holdfast show app_backup_20261121_032415 --verbose  # every table",
     show_options},
    {"timeline", "", Command::kTimeline, kHistory, "[DB]",
     "show which moments of a database can be brought back, and any gap",
     "Oldest first. A gap is where commits were not seen: nothing within it can be restored. Side "
     "branches hold what a "
     "deposed replicator still sent, or what a database that fell back left behind.",
     "holdfast timeline app\n"
     "holdfast timeline app --json | jq '.rows[] | select(.kind == \"gap\")'",
     words},
    {"mark", "", Command::kMark, kHistory, "NAME [DB…]",
     "give what is committed now a name, as before a deploy",
     "The newest durable position of each database gets the name; with a replicator at work, what "
     "is committed now is "
     "waited for first. Several marks may have one name: `restore --mark` takes the newest.",
     "holdfast mark before-deploy\n"
     "holdfast mark before-deploy app users && holdfast restore --mark before-deploy --database "
     "app",
     words},
    {"diff", "", Command::kDiff, kHistory, "A [B]",
     "compare two states of a database row by row: what was inserted, changed and deleted",
     "A and B are snapshots, moments or databases. A word is the name of a configured database or "
     "a "
     "file, as it stands; else a snapshot: `latest`, the beginning of an id, a name, or `index:N`; "
     "or a moment: `at:TIME`, `position:P`, `mark:NAME`. Without B, A is compared with its "
     "database as it stands. Differences of the schema are shown first.\n"
     "Rows are told apart by their primary key, without one by their rowid. Values are the same if "
     "type and bytes are; long ones are cut unless --verbose is said. With --json each line is an "
     "object.\n"
     "The exit status is 0 if nothing differs and 7 if something does.",
     "holdfast diff latest  # what has changed since the last backup\n"
     "holdfast diff before.db after.db --table videos\n"
     "holdfast diff index:2 latest --database users --summary\n"
     "holdfast diff \"at:10 minutes ago\" app --json | jq -c 'select(.change == \"deleted\")'",
     diff_options},
    {"stats", "", Command::kStats, kHistory, "",
     "growth, deduplication, compression, and how much more fits", "",
     "holdfast stats\n"
     "holdfast stats --capacity 1GB  # how long until it is full",
     stats_options},
    {"log", "", Command::kLog, kHistory, "",
     "every operation that changed something: time, host, command, result", "",
     "holdfast log --last 20\n"
     "holdfast log --json | jq '.[] | select(.result != \"ok\")'",
     log_options},
    {"put", "", Command::kPut, kRecords, "COLLECTION [FILE]",
     "save records: in the database, read back, or kept until it is there",
     "FILE, or what comes in (`-`, or no FILE), is a JSON object, an array of them, or an object a "
     "line. A record is inserted or updated by its key, in one transaction with its children, read "
     "back and compared. If the database is out of reach, the record goes to the spool and reaches "
     "the database later by itself; if that fails too, to an emergency copy.\n"
     "The exit status is 0 for stored, 60 for spooled, 61 for an emergency copy, 62 if it was "
     "deleted before, 64 and 65 if it is no record of the collection or breaks a constraint, 66 if "
     "it is nowhere; of several, that of the worst. docs/records.md has the rest.",
     "holdfast put videos video.json\n"
     "holdfast put videos < videos.jsonl  # a record a line\n"
     "holdfast put videos video.json --json | jq -r .result",
     put_options},
    {"get", "", Command::kGet, kRecords, "COLLECTION ID…", "print records as JSON",
     "ID is the key of a record; one of several columns is written as a JSON list.",
     "holdfast get videos dQw4w9WgXcQ\n"
     "holdfast get videos yt:dQw4w9WgXcQ --json | jq .title",
     words},
    {"list", "", Command::kList, kRecords, "[COLLECTION]",
     "list the records of a collection, a JSON object a line",
     "Ties are broken by the key, so that pages fit together. Without a COLLECTION it lists the "
     "snapshots, as `holdfast snapshots` does.",
     "holdfast list videos --filter channel=news --sort -indexed_at\n"
     "holdfast list videos --filter 'stats.total>=10' --page 2 --size 20 --json\n"
     "holdfast list  # the snapshots",
     list_options},
    {"delete", "", Command::kDelete, kRecords, "COLLECTION ID…",
     "delete records with their children, for good",
     "Nothing brings a deleted record back, also not a save that arrives later, until `holdfast "
     "undelete` allows it. The exit status is 63 if there is none.",
     "holdfast delete videos dQw4w9WgXcQ", words},
    {"undelete", "", Command::kUndelete, kRecords, "COLLECTION ID…",
     "let deleted records be saved again",
     "It does not bring them back: the next `holdfast put`, merge or recovery may.",
     "holdfast undelete videos dQw4w9WgXcQ", words},
    {"verify", "", Command::kVerify, kUpkeep, "[SNAPSHOT…]", "prove that snapshots can be restored",
     "Looks at the structure of everything, or of the named snapshots: all that is needed is there "
     "and belongs together. "
     "With --read-data every byte is read and each database's checksum proved. Names exactly what "
     "is lost, and which "
     "snapshots still restore; the next backup stores again what the database still has.",
     "holdfast verify --all --read-data\n"
     "holdfast verify latest --integrity\n"
     "holdfast verify --read-data=10  # a tenth of the packs each night",
     verify_options},
    {"drill", "", Command::kDrill, kUpkeep, "[DB…]",
     "restore to a scratch place, check everything, and record the proof",
     "The newest state is restored, its checksum compared, SQLite checks its integrity, and the "
     "configured invariants "
     "are asked. The signed proof says how long a restore takes; `holdfast status` shows the last "
     "one.",
     "holdfast drill\n"
     "holdfast drill app --to /mnt/scratch --json | jq '.[].restore_seconds'",
     drill_options},
    {"salvage", "", Command::kSalvage, kUpkeep, "FILE",
     "save what a damaged SQLite file still holds to a new database",
     "Reads the file page by page, and its write-ahead log where one lies beside it, without "
     "SQLite and without changing either: every row that the intact pages still hold. A restore "
     "brings more back, where there is a snapshot. Rows that no table can be found for, that a "
     "constraint refuses, or that are cut off are put into the table lost_and_found, with the "
     "reason. Needs no repository. The exit status is 3 if anything was damaged.",
     "holdfast salvage broken.db --to saved.db\n"
     "holdfast salvage broken.db --to saved.db --free-pages  # deleted rows too, where they are "
     "there\n"
     "holdfast salvage broken.db --to saved.db --json | jq '.tables[] | select(.pages_lost > 0)'",
     salvage_options},
    {"forget", "", Command::kForget, kUpkeep, "[SNAPSHOT…]",
     "remove snapshots, by name or by a policy",
     "Policies are applied to each host and set of databases apart; docs/retention.md says what "
     "they mean exactly. "
     "Without names and --keep options the retention of the configuration applies. Space is freed "
     "by prune.",
     "holdfast forget --keep-daily 7 --keep-monthly 12 --dry-run\n"
     "holdfast forget --tag daily --keep-last 7 --prune --yes\n"
     "holdfast forget 3f2a91c0",
     forget_options},
    {"prune", "", Command::kPrune, kUpkeep, "", "free what no snapshot needs",
     "Backups may go on meanwhile; nothing that one of them needs is removed.",
     "holdfast prune --dry-run\n"
     "holdfast prune --max-unused 0  # the least space",
     prune_options},
    {"key list", "", Command::kKeyList, kUpkeep, "", "list the keys that open the repository", "",
     "holdfast key list", no_options},
    {"key add", "", Command::kKeyAdd, kUpkeep, "", "let another passphrase open it",
     "The new passphrase comes from HOLDFAST_NEW_PASSPHRASE, HOLDFAST_NEW_PASSPHRASE_FILE, or is "
     "typed twice.",
     "holdfast key add --label \"the night shift\"", key_add_options},
    {"key remove", "", Command::kKeyRemove, kUpkeep, "KEY", "take a key away",
     "KEY is the beginning of an id that `holdfast key list` shows. The last key stays. Whoever "
     "copied the repository "
     "before still reads that copy with the removed key.",
     "holdfast key remove 77c0ffee", words},
    {"key change", "", Command::kKeyChange, kUpkeep, "", "change the passphrase it was opened with",
     "The new passphrase comes from HOLDFAST_NEW_PASSPHRASE, HOLDFAST_NEW_PASSPHRASE_FILE, or is "
     "typed twice.",
     "holdfast key change\n"
     "HOLDFAST_NEW_PASSPHRASE_FILE=/run/secrets/next holdfast key change",
     no_options},
    {"key recovery", "", Command::kKeyRecovery, kUpkeep, "",
     "make a new recovery code, and print it once", "",
     "holdfast key recovery --replace  # the old paper is lost", key_recovery_options},
    {"config check", "", Command::kConfigCheck, kOther, "",
     "tell whether the configuration is right, and what it means", "", "holdfast config check",
     no_options},
    {"doctor", "", Command::kDoctor, kOther, "[DB…]", "find what is wrong with where things are",
     "Looks for databases and repositories on storage that dies with a container or a restart, for "
     "both on one disk, for what is missing or does not open, and for an application with a SQLite "
     "that can damage a database in WAL mode (the WAL-reset bug of 3.7.0 to 3.51.2). The exit "
     "status is 3 with warnings, 6 with problems.",
     "holdfast doctor", status_options},
    {"completion", "", Command::kCompletion, kOther, "SHELL",
     "print completions for bash, zsh or fish", "",
     "holdfast completion bash > /etc/bash_completion.d/holdfast\n"
     "holdfast completion zsh > ~/.zfunc/_holdfast\n"
     "holdfast completion fish > ~/.config/fish/completions/holdfast.fish",
     words},
    {"version", "", Command::kVersion, kOther, "", "print the version", "",
     "holdfast version --json", no_options},
    {"errors", "", Command::kErrors, "", "", "print the catalogue of errors as Markdown", "",
     "holdfast errors > docs/errors.md", no_options},
    {"man", "", Command::kManPage, "", "", "print the manual page", "", "holdfast man | man -l -",
     no_options},
});

}  // namespace

std::span<const CommandDefinition> command_definitions() { return kDefinitions; }

void add_global_options(CLI::App& app, Arguments& a) {
  text_option(app, "-r,--repo", a.repository, "PLACE",
              "the repository: a folder (or HOLDFAST_REPO)");
  text_option(
      app, "-c,--config", a.configuration, "FILE",
      "the configuration (or HOLDFAST_CONFIG; ./holdfast.toml, then /etc/holdfast/holdfast.toml)");
  flag(app, "--json", a.json, "answer in JSON on stdout; everything for people goes to stderr");
  flag(app, "-q,--quiet", a.quiet, "say only warnings and errors");
  flag(app, "-v,--verbose", a.verbose, "say more");
  flag(app, "--no-cache", a.no_cache, "keep no local page digests");
  text_option(app, "--cache-dir", a.cache_directory, "FOLDER",
              "where they are kept (or HOLDFAST_CACHE_DIR; ~/.cache/holdfast)");
  flag(app, "--no-key-cache", a.no_key_cache,
       "do not keep the unlocked key for this session (or HOLDFAST_KEY_CACHE=off)");
  app.add_option("--color", a.color, "auto, always or never")->type_name("WHEN");
  flag(app, "-h,--help", a.help, "explain a command");
  flag(app, "--version", a.version, "print the version");
}

}  // namespace holdfast::cli
