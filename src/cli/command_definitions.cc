#include "cli/command_definitions.h"

#include <array>

#include "cli/command_options.h"

namespace holdfast::cli {
namespace {

constexpr const char* kEveryday = "Everyday";
constexpr const char* kHistory = "History";
constexpr const char* kRecords = "Records";
constexpr const char* kUpkeep = "Upkeep";
constexpr const char* kOther = "Other";

constexpr auto kDefinitions = std::to_array<CommandDefinition>({
    {"init", "", Command::kInit, kEveryday, "",
     "make a repository, and print its recovery code once",
     "The repository is encrypted under a passphrase, from HOLDFAST_PASSPHRASE, "
     "HOLDFAST_PASSPHRASE_FILE, "
     "the configuration, or typed twice. The recovery code opens it too, should the passphrase be "
     "lost: it is shown "
     "once and stored nowhere. Keep it on paper, away from the machine.\n"
     "Of several configured repositories all that are not there yet are made: the first, and the "
     "others as its copies, under the same key but with secrets of their own.",
     "holdfast init --repo /backup/app\n"
     "holdfast init  # all that holdfast.toml names\n"
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
     "nearest ones before and after are named.\n"
     "--file takes a file instead: a SQLite file, a dump of one or an archive replaces the "
     "database, a file of JSON the records of a collection, in one transaction: those that it does "
     "not have go. It must be whole; deleted records stay deleted, excluded ones out. In "
     "production "
     "it is refused over data without --force-import. docs/recovery.md has the rest.",
     "holdfast restore latest  # asks before it replaces anything\n"
     "holdfast restore latest --to copy.db  # somewhere else\n"
     "holdfast restore --index 2 --database users --yes  # one of several, the second newest\n"
     "holdfast restore --at \"10 minutes ago\"  # any commit that was replicated\n"
     "holdfast restore --mark before-deploy --to copy.db\n"
     "holdfast restore 3f2a91c0 --dry-run\n"
     "holdfast restore --file app.tar.gz --database users  # one of an archive\n"
     "holdfast restore --file results.json.b64 --collection videos --dry-run",
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
    {"archive", "", Command::kArchive, kHistory, "SNAPSHOT FILE",
     "write a snapshot to a .tar.gz that needs no Holdfast to be read",
     "The archive holds backup_metadata.json and the database files under their own names. `tar` "
     "lists and unpacks it; `holdfast import` and `holdfast recover` read it. SNAPSHOT is the "
     "beginning of an id, a name, or `latest`; with --index it is left out. Each database is "
     "proved equal to the snapshot while it is written, and FILE is there when it is complete and "
     "on the disk. The same snapshot gives the same bytes. The archive is not encrypted; only its "
     "owner can read it.",
     "holdfast archive latest app.tar.gz\n"
     "holdfast archive --index 2 users.tar.gz --database users\n"
     "holdfast archive latest app.tar.gz && tar -tzvf app.tar.gz",
     archive_options},
    {"stats", "", Command::kStats, kHistory, "",
     "growth, deduplication, compression, how much more fits, and what it costs",
     "With --cost, what a month costs in stores that are paid by the request, by list prices that "
     "are built in, or by those in a file of yours: the storage as it is now and grows, the "
     "requests of backups, replication, restores and verifications, and what these download.",
     "holdfast stats\n"
     "holdfast stats --capacity 1GB  # how long until it is full\n"
     "holdfast stats --cost --backups 24 --hours 8\n"
     "holdfast stats --print-prices > prices.toml && holdfast stats --cost --prices prices.toml",
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
    {"export", "", Command::kExport, kRecords, "[DB…]",
     "write collections as JSON, JSON Lines, CSV or a file a record, whole and proved",
     "Without --to and --stdout it writes what [[databases.DB.exports]] names, of all databases "
     "unless some are said. All files of a database show one committed state of it, and what still "
     "waits in its spool. Each is written beside its place, read back, and put in place at once. A "
     "file that somebody else has changed is kept aside under another name, and the exit status is "
     "3. --check says which files are not what the database holds: status 7 if any. "
     "docs/exports.md has the rest.",
     "holdfast export\n"
     "holdfast export app --to results.json.b64\n"
     "holdfast export --collection videos --stdout --format jsonl | gzip > videos.jsonl.gz\n"
     "holdfast export --check --json | jq -r '.[] | select(.state != \"current\") | .file'",
     export_options},
    {"import", "", Command::kImport, kRecords, "FILE…",
     "bring the records of backups and exports into a collection",
     "FILE is a JSON object keyed by id, one record, an array, or JSON Lines, each also in base64; "
     "a "
     "SQLite file or a dump of one; or a .tar.gz with database files. It is told by its content. "
     "Records that the database does not have are inserted; what it has wins, deleted records stay "
     "deleted and excluded ones out. What is damaged is named, and everything else read. A safety "
     "snapshot is taken first where a repository is configured, and the exports follow.\n"
     "In production an import into a collection that holds data is refused (status 80) without "
     "--force-import or HOLDFAST_FORCE_IMPORT. The exit status is 3 if anything was damaged, did "
     "not fit or was refused. docs/recovery.md has the rest.",
     "holdfast import results.json --dry-run\n"
     "holdfast import backups/*.json.b64 --collection videos\n"
     "holdfast import old.db --json | jq .inserted",
     import_options},
    {"recover", "", Command::kRecover, kRecords, "[PATH…]",
     "find every copy of a collection's records, compare them, and bring back what is missing",
     "Looks through the database, its spool, emergency copies, exports, all snapshots, the newest "
     "position of the timeline, and the files and folders that are named: JSON, base64, SQLite "
     "files, dumps and archives, told by their content. Each record is shown with its versions, "
     "how many copies there are, and when it was last seen; records that the database has, and "
     "nobody otherwise, only with --verbose. Damaged copies are named with the reason, and "
     "everything else in them is read.\n"
     "With --merge, after a confirmation, what the database does not have is inserted: from the "
     "newest intact copy, else from a damaged one. What it has wins, deleted records stay deleted "
     "and excluded ones out. A safety snapshot is taken first where a repository is configured, "
     "and the exports follow. The exit status is 3 if any copy was damaged. docs/recovery.md has "
     "the rest.",
     "holdfast recover --scan backups/\n"
     "holdfast recover --merge backups/ /mnt/old --yes\n"
     "holdfast recover --merge backups/ --pick dQw4w9WgXcQ=12  # as source 12 has it\n"
     "holdfast recover --json | jq '.sources[] | select(.state == \"damaged\") | .place'",
     recover_options},
    {"predeploy", "", Command::kPredeploy, kRecords, "[DB…]",
     "back up, export, commit and push before a deploy",
     "A snapshot of all configured databases (or those that are said), then their exports, then, "
     "with --commit, a git commit of the named paths and nothing else, \"Auto-backup before "
     "deployment "
     "YYYY-MM-DD HH:MM\", and with --push a push of it. The first part that fails ends it with its "
     "status, so that what follows `&&` is never deployed without the parts before. Where nothing "
     "is new there is nothing to commit, which is no failure.",
     "holdfast predeploy && ./deploy.sh\n"
     "holdfast predeploy --commit results.json --commit results.json.b64 --push",
     predeploy_options},
    {"selftest", "", Command::kSelftest, kUpkeep, "",
     "prove the safety chain on this configuration, without touching its data",
     "Four tests: a safe save with a backup, a save with its exports, an emergency save, and "
     "recovery from every source. Each tries the places that the configuration names (repository, "
     "exports, spool, emergency copies) with a small file that is gone at once; all else happens "
     "on a scratch copy of the collections, the schema and a record of each, below TMPDIR or "
     "/var/tmp, and on a PostgreSQL server in a schema of its own. PASS or FAIL each, and last how "
     "many passed; status 6 unless all did. Nothing of "
     "yours is changed, and nothing is left behind, also when it is interrupted.",
     "holdfast selftest\n"
     "holdfast selftest --json | jq -r '.tests[] | select(.passed | not) | .detail'",
     no_options},
    {"serve", "", Command::kServe, kRecords, "", "save and read records over HTTP",
     "What put, get, list, delete and undelete do, for programs: "
     "/v1/collections/NAME/records[/KEY], and the routes that collections are mounted at. Clients "
     "that write at the same time share transactions. While it runs, the spool is drained and "
     "exports follow writes within two seconds. Runs until it is told to end (TERM, INT), and "
     "answers first what is under way.\n"
     "At unix:PATH it listens at a Unix socket that only its owner can use, which costs a client "
     "less than a port. "
     "Only this machine can reach it unless --listen says another address, which needs tokens: a "
     "request then carries `Authorization: Bearer TOKEN`. TLS is the work of a proxy in front. "
     "docs/http.md has the rest.",
     "holdfast serve\n"
     "holdfast serve --listen unix:/run/holdfast.sock\n"
     "holdfast serve --listen 0.0.0.0:7433 --token-file /run/secrets/holdfast\n"
     "curl -X PUT --json '{\"title\": \"T\"}' localhost:7433/v1/collections/videos/records/a",
     serve_options},
    {"verify", "", Command::kVerify, kUpkeep, "[SNAPSHOT…]", "prove that snapshots can be restored",
     "Looks at the structure of everything, or of the named snapshots: all that is needed is there "
     "and belongs together. "
     "With --read-data every byte is read and each database's checksum proved. Names exactly what "
     "is lost, and which "
     "snapshots still restore; the next backup stores again what the database still has.\n"
     "With --file a file is checked instead, and no repository is needed: anything that `holdfast "
     "import` reads. It tells what the file is, how many records, tables and rows it holds, what "
     "is damaged, and what could still be read.",
     "holdfast verify --all --read-data\n"
     "holdfast verify latest --integrity\n"
     "holdfast verify --read-data=10  # a tenth of the packs each night: all in ten\n"
     "holdfast verify --file app.tar.gz",
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
    {"copy", "", Command::kCopy, kUpkeep, "", "bring the other copies of the repository up to date",
     "Each [[repository]] of holdfast.toml but the first is a copy. Snapshots, positions and marks "
     "that it lacks are copied; all that passes through is proved on the way. What the copy's own "
     "`keep` has forgotten does not come back, and nothing that the first one forgets is removed "
     "from a copy. Where the keys differ, everything is encrypted anew. A running `replicate` or "
     "`run` does this by itself, every five minutes unless `copy_every` says otherwise. The exit "
     "status is 3 if something could not be copied.",
     "holdfast copy\n"
     "holdfast copy --to offsite --dry-run",
     copy_options},
    {"adopt", "", Command::kAdopt, kUpkeep, "",
     "take in what machines with write-only keys have sent",
     "Each of their backups becomes an ordinary snapshot once all of it has been read and "
     "compared. "
     "Whatever must see the newest state does this by itself, such as restore, diff and verify, "
     "and so do forget, prune and copy before they begin, and a running replicate or run every "
     "quarter of an hour; snapshots, status and others that only look say what waits. What is "
     "damaged, of another machine, or of a "
     "database that another host has is refused and stays where it is. The exit status is 3 if "
     "anything was.",
     "holdfast adopt\n"
     "holdfast adopt --again    # what was refused before\n"
     "holdfast adopt --discard  # and remove what is refused",
     adopt_options},
    {"key list", "", Command::kKeyList, kUpkeep, "", "list the keys that open the repository", "",
     "holdfast key list", no_options},
    {"key add", "", Command::kKeyAdd, kUpkeep, "", "let another passphrase open it",
     "The new passphrase comes from HOLDFAST_NEW_PASSPHRASE, HOLDFAST_NEW_PASSPHRASE_FILE, or is "
     "typed twice. With --write-only the passphrase lets a machine back up and do nothing else: it "
     "can read neither what is there nor what it has sent itself. See docs/s3.md for the rights "
     "that its credentials need, and SECURITY.md for what a thief of both can do.",
     "holdfast key add --label \"the night shift\"\n"
     "HOLDFAST_NEW_PASSPHRASE_FILE=web.txt holdfast key add --write-only --machine web",
     key_add_options},
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

}  // namespace holdfast::cli
