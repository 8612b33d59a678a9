#include "service/file_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "engine/legacy/file_text.h"
#include "engine/records/record_database.h"
#include "engine/restore/file_restore.h"
#include "service/import_job.h"
#include "service/records.h"
#include "sqlite/companion_files.h"
#include "sqlite/integrity.h"

namespace holdfast::service {
namespace {

constexpr std::chrono::milliseconds kFilePatience{10'000};

Error unsound(const env::Path& file, std::string_view why) {
  return Error(
      ErrorCode::kVerificationFailed, fmt::format("{}: {}", file.string(), why),
      "Nothing was changed.",
      "`holdfast verify --file` tells more; `holdfast salvage` and `holdfast recover` save "
      "what can be read.");
}

// What was deleted from a database by way of Holdfast, as deletes that can be done again.
std::vector<engine::Write> deleted_records(Session& session, const std::string& database) {
  std::vector<engine::Write> deletes;
  Records records(session.configuration(), session.world());
  for (const engine::Collection& collection : session.configuration().collections) {
    if (collection.database != database) continue;
    try {
      records.writer(collection).read([&](engine::RecordDatabase& its) {
        const auto tombstones = its.tombstones(collection.table);
        if (tombstones.empty()) return;
        const engine::RecordLayout& layout = its.layout(collection.name);
        for (const engine::Tombstone& tombstone : tombstones) {
          if (tombstone.key.size() != layout.key.size()) continue;
          deletes.push_back({.id = engine::new_write_id(),
                             .kind = engine::WriteKind::kDelete,
                             .collection = collection.name,
                             .record = {},
                             .record_id = engine::record_id(tombstone.key, layout),
                             .acknowledged = true,
                             .time = tombstone.deleted});
        }
      });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      session.progress().warning(
          fmt::format("what was deleted from {} cannot be told, and may come back: {}",
                      collection.name, error.happened()));
    }
  }
  return deletes;
}

}  // namespace

FileRestore::FileRestore(Session& session, const FileRestoreJob& job)
    : session_(session),
      job_(job),
      scratch_(session.world().files, scratch_directory(session.world()), "restore"),
      kind_(engine::kind_of_file(session.world().files, job.file)) {
  session_.progress().stage(fmt::format("Reading {}", job_.file.filename().string()), 0);
  engine::HeldDatabases held;
  try {
    held = engine::find_databases(session_.world().files, job_.file, kind_, scratch_,
                                  session_.progress());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kRecordInvalid) throw;
    throw unsound(job_.file, error.happened());
  }
  if (!held.damages.empty()) throw unsound(job_.file, held.damages.front());
  if (held.databases.empty()) throw unsound(job_.file, "there is no database in it");
  choose(held);
  check();
  plan();
}

std::uint64_t FileRestore::bytes(std::size_t number) const {
  return session_.world().files.status(chosen_[number].path)->size;
}

std::string FileRestore::name_of(const engine::HeldDatabase& one, bool alone) const {
  const auto& known = session_.configuration().databases;
  if (!one.database.empty()) return one.database;
  const std::string stem = env::Path(one.name).stem().string();
  if (alone && job_.databases.size() == 1) return job_.databases.front();
  if (session_.configuration().database(stem) != nullptr) return stem;
  for (const DatabaseConfiguration& database : known) {
    const auto found =
        configured_database(database.name, session_.configuration(), session_.world());
    if (found && found->source.path.filename() == one.name) return database.name;
  }
  return alone && known.size() == 1 ? known.front().name : stem;
}

void FileRestore::choose(const engine::HeldDatabases& held) {
  const bool alone = held.databases.size() == 1;
  std::vector<std::string> known;
  for (const engine::HeldDatabase& one : held.databases) {
    std::string name = name_of(one, alone);
    known.push_back(name);
    const auto wanted = std::ranges::find(job_.databases, name);
    if (!job_.databases.empty() && wanted == job_.databases.end()) continue;
    if (std::ranges::find(names_, name) != names_.end()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} holds several databases {}", job_.file.string(), name));
    }
    chosen_.push_back(one);
    names_.push_back(std::move(name));
  }
  for (const std::string& name : job_.databases) {
    if (std::ranges::find(names_, name) != names_.end()) continue;
    throw Error(ErrorCode::kDatabaseUnknown,
                fmt::format("{} does not hold the database \"{}\"; it holds {}", job_.file.string(),
                            name, fmt::join(known, ", ")));
  }
}

void FileRestore::check() {
  for (const engine::HeldDatabase& one : chosen_) {
    session_.progress().stage(fmt::format("Checking {}", one.name), 0);
    if (sqlite::journal_has_content(one.path)) {
      throw unsound(one.path, "a rollback journal lies beside it, which is not played back");
    }
    const auto problems = sqlite::examine(one.path, kFilePatience).problems;
    if (!problems.empty()) throw unsound(job_.file, problems.front());
  }
}

void FileRestore::plan() {
  const World& world = session_.world();
  repository::Snapshot states;
  for (std::size_t i = 0; i < chosen_.size(); ++i) {
    repository::DatabaseState state;
    state.name = names_[i];
    state.source = chosen_[i].name;
    if (configured_server(state.name, session_.configuration(), world)) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("{} is on a PostgreSQL server, and {} is no dump of one", state.name,
                              job_.file.string()),
                  {}, "Say --collection to restore the records of one collection.");
    }
    if (job_.to.empty() && !configured_database(state.name, session_.configuration(), world)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("it is not said where the database {} is to go", state.name), {},
                  "Say which database it is with --database, or where it goes with --to.");
    }
    states.databases.push_back(std::move(state));
  }
  targets_ = plan_restore(session_, states, {}, job_.to);
  for (const RestoreTarget& target : targets_) {
    if (!target.exists) continue;
    const auto there = world.files.status(target.path), file = world.files.status(job_.file);
    if (there && file && there->identity == file->identity) {
      throw Error(ErrorCode::kUsage, fmt::format("{} is the database itself", job_.file.string()));
    }
    if (!job_.force) refuse_in_production(session_, target.path.string());
  }
}

std::vector<engine::RestoreResult> FileRestore::run(const RestoreChoices& choices) {
  return restore_each(session_, targets_, choices, [&](std::size_t number) {
    const std::string& database = names_[number];
    return OneRestore{
        job_.file.string(), [this, number, &database](const engine::RestoreRequest& request) {
          const auto configured =
              configured_database(database, session_.configuration(), session_.world());
          const bool in_place = configured && configured->source.path == request.target;
          std::vector<engine::Write> deleted;
          if (in_place && targets_[number].exists) deleted = deleted_records(session_, database);
          std::vector<engine::Collection> collections;
          std::ranges::copy_if(session_.configuration().collections,
                               std::back_inserter(collections),
                               [&](const auto& each) { return each.database == database; });
          return engine::restore_file(
              session_.repository(), session_.world().files,
              {.file = chosen_[number].path,
               .restore = request,
               .collections = collections,
               .deleted = deleted,
               .own_tables_beside = session_.configuration().records.own_tables_beside},
              session_.progress());
        }};
  });
}

}  // namespace holdfast::service
