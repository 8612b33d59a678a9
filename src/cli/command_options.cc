#include "cli/command_options.h"

#include "cli/command_definitions.h"

namespace holdfast::cli {
namespace {

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

void lease_wait_option(CLI::App& app, Arguments& a) {
  text_option(app, "--lease-wait", a.lease_wait, "SPAN",
              "wait so long for another process that replicates the same database (30s unless "
              "said)");
}

void collection_option(CLI::App& app, Arguments& a) {
  text_option(app, "--collection", a.collection, "NAME",
              "which collection the records are of (the only one unless said)");
}

}  // namespace

void words(CLI::App& app, Arguments& a) { app.add_option("words", a.words); }

void init_options(CLI::App& app, Arguments& a) {
  flag(app, "--no-encryption", a.no_encryption,
       "make a repository that anybody who can read it can restore from");
  text_option(app, "--label", a.label, "TEXT",
              "what to call the first key (user@host unless said)");
  flag(app, "--own-key", a.own_key,
       "give a copy a key of its own: everything is encrypted anew on the way there");
}

void backup_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "-a,--all", a.all, "all databases of the configuration, at one moment");
  text_option(app, "--name", a.name, "NAME",
              "call the snapshot so (DB_backup_YYYYMMDD_HHMMSS unless said)");
  repeated(app, "-t,--tag", a.tags, "TAG", "mark the snapshot; may be repeated");
  flag(app, "--read-all", a.read_all,
       "read every page, also those that the log proves to be as they were");
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
  flag(app, "--cost", a.cost,
       "estimate what it costs a month in stores that are paid by the request");
  text_option(app, "--prices", a.prices, "FILE", "with --cost: by the prices in this file");
  flag(app, "--print-prices", a.print_prices, "print the built-in prices, a file to begin with");
  const auto number = [&](const char* name, std::optional<double>& into, const char* type,
                          const char* text) {
    app.add_option(name, into, text)->type_name(type)->check(CLI::Range(0.0, 1e9));
  };
  number("--backups", a.backups, "N",
         "with --cost: so many a day (as often as until now unless said)");
  number("--hours", a.hours, "N",
         "with --cost: so many hours a day in which a replicated database changes (0 unless said)");
  number("--restores", a.restores, "N", "with --cost: so many a month (1 unless said)");
  number(
      "--percent", a.percent, "N",
      "with --cost: so much of all packs is read a month by verify --read-data (100 unless said)");
}

void log_options(CLI::App& app, Arguments& a) {
  app.add_option("--last", a.last, "only the newest N entries")->type_name("N");
}

void verify_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "-a,--all", a.all, "all snapshots, and all that is stored (the same as naming none)");
  app.add_flag("--read-data{100}", a.read_data,
               "read every byte and prove every database's checksum; with =PERCENT, of so many of "
               "the packs, those that were read longest ago by any machine")
      ->type_name("PERCENT");
  flag(
      app, "--integrity", a.integrity,
      "also restore each database to a temporary folder and let SQLite check it (integrity_check)");
  text_option(
      app, "--file", a.file, "FILE",
      "check this file instead of the repository: JSON, base64, a SQLite file, a dump or an "
      "archive, told by its content");
  text_option(app, "--collection", a.collection, "NAME",
              "which collection the records of a JSON file are of (the only one unless said)");
}

void restore_options(CLI::App& app, Arguments& a) {
  words(app, a);
  index_option(app, a);
  repeated(app, "-d,--database", a.databases, "DB",
           "only this database of the snapshot, or which one FILE is; may be repeated");
  text_option(app, "--at", a.at, "TIME",
              "as it was then: \"10 minutes ago\", \"2026-11-21 03:24\" (local), or RFC 3339");
  text_option(app, "--position", a.position, "P",
              "as it was at this position of its timeline: 1045, or 3.1045 of branch 3");
  text_option(app, "--mark", a.mark, "NAME", "as it was at the newest mark of this name");
  text_option(app, "--file", a.file, "FILE",
              "from this file instead of a snapshot: JSON, base64, a SQLite file, a dump or an "
              "archive, told by its content");
  text_option(app, "--to", a.to, "PATH", "restore to this file, or into this folder");
  text_option(app, "--collection", a.collection, "NAME",
              "with --file: the records of this collection, and nothing else of the database");
  flag(app, "--force-import", a.force_import, "with --file: in production too, over what is there");
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

void copy_options(CLI::App& app, Arguments& a) {
  repeated(app, "--to", a.copies, "NAME",
           "only the copy that is called so; may be repeated (all unless said)");
  dry_run(app, a);
}

void prune_options(CLI::App& app, Arguments& a) {
  dry_run(app, a);
  text_option(app, "--max-unused", a.max_unused, "PERCENT",
              "leave packs alone that have no more garbage than this (5 unless said)");
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
  flag(app, "--write-only", a.write_only, "for a machine that makes backups and cannot read them");
  text_option(app, "--machine", a.machine, "NAME",
              "with --write-only: what the machine is called in its snapshots");
}

void adopt_options(CLI::App& app, Arguments& a) {
  flag(app, "--again", a.again, "look once more at what was refused");
  flag(app, "--discard", a.discard, "remove what is refused, and what removed keys have sent");
  flag(app, "-y,--yes", a.yes, "discard without asking");
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

void archive_options(CLI::App& app, Arguments& a) {
  words(app, a);
  index_option(app, a);
  repeated(app, "-d,--database", a.databases, "DB",
           "only this database of the snapshot; may be repeated");
  flag(app, "--replace", a.replace, "replace what is at FILE");
}

void import_options(CLI::App& app, Arguments& a) {
  words(app, a);
  collection_option(app, a);
  flag(app, "--force-import", a.force_import,
       "import in production too, into a database that holds data");
  dry_run(app, a);
}
void recover_options(CLI::App& app, Arguments& a) {
  words(app, a);
  flag(app, "--scan", a.scan, "only show what there is (as without it)");
  flag(app, "--merge", a.merge, "bring back what the database does not have");
  collection_option(app, a);
  text_option(app, "--prefer", a.prefer, "WHICH",
              "what wins where the database has another version: database (unless said), or "
              "newest: a copy that is newer than the database's last change");
  repeated(app, "--pick", a.picks, "ID=SOURCE",
           "take this record from there, whatever the database has; SOURCE is a number or place "
           "that --scan shows; may be repeated");
  dry_run(app, a);
  yes(app, a);
}
void export_options(CLI::App& app, Arguments& a) {
  words(app, a);
  text_option(app, "--collection", a.collection, "NAME", "only this collection");
  text_option(app, "--to", a.to, "FILE",
              "export to this file instead of those that are configured");
  text_option(
      app, "--format", a.format, "FORMAT",
      "of FILE or stdout: object, array, jsonl, csv or files; by the name of FILE unless said");
  flag(app, "--base64", a.base64, "all of it in base64, as where the name of FILE ends in .b64");
  flag(app, "--stdout", a.to_stdout, "export to stdout instead");
  flag(app, "--check", a.check,
       "write nothing; say whether each file is intact and holds what the database holds");
}

void predeploy_options(CLI::App& app, Arguments& a) {
  words(app, a);
  repeated(app, "--commit", a.commit, "PATH", "commit this with git; may be repeated");
  flag(app, "--push", a.push, "push what was committed");
  repeated(app, "-t,--tag", a.tags, "TAG",
           "mark the snapshot, beside \"predeploy\"; may be repeated");
}

void serve_options(CLI::App& app, Arguments& a) {
  text_option(
      app, "--listen", a.listen, "ADDRESS",
      "where to listen: ADDR:PORT (127.0.0.1:7433 unless said; port 0 takes a free one), or "
      "unix:PATH");
  text_option(app, "--token-file", a.token_file, "FILE",
              "a token a line, one of which each request must show (or HOLDFAST_TOKEN_FILE, "
              "HOLDFAST_TOKEN)");
  text_option(app, "--max-body", a.max_body, "SIZE",
              "the largest request that is taken (64MB unless said)");
  app.add_option("--max-connections", a.max_connections,
                 "how many clients at one time (256 unless said)")
      ->type_name("N");
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

void add_global_options(CLI::App& app, Arguments& a) {
  text_option(app, "-r,--repo", a.repository, "PLACE",
              "the repository: a folder, s3://BUCKET/PREFIX, or the name of a configured one (or "
              "HOLDFAST_REPO)");
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
  text_option(app, "--limit-upload", a.limit_upload, "N",
              "send the repository at most N megabytes a second");
  text_option(app, "--limit-download", a.limit_download, "N",
              "ask the repository for at most N megabytes a second");
  app.add_option("--color", a.color, "auto, always or never")->type_name("WHEN");
  flag(app, "-h,--help", a.help, "explain a command");
  flag(app, "--version", a.version, "print the version");
}

}  // namespace holdfast::cli
