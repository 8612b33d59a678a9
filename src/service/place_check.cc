#include "service/place_check.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/exports/published_file.h"
#include "engine/exports/record_folder.h"
#include "engine/records/own_tables.h"
#include "env/randomness.h"
#include "postgres/write_rights.h"
#include "repository/snapshot.h"
#include "service/databases.h"
#include "service/records.h"

namespace holdfast::service {
namespace {

constexpr std::string_view kTrialText = "holdfast selftest\n";

void expect_trial_text(const Bytes& found, const std::string& place) {
  if (as_text(found) == kTrialText) return;
  throw Error(ErrorCode::kWriteNotProved,
              fmt::format("{} reads back otherwise than it was written", place));
}

void try_folder(env::FileSystem& files, const env::Path& folder) {
  const auto status = files.status(folder);
  if (!status) {
    throw Error(ErrorCode::kNotFound, fmt::format("{} does not exist", folder.string()));
  }
  if (!status->directory) {
    throw Error(ErrorCode::kUnsupported, fmt::format("{} is no folder", folder.string()));
  }
  const env::Path path = folder / fmt::format(".holdfast-selftest-{}", env::random_name());
  {
    const auto file = files.create(path);
    try {
      file->write_at(0, as_bytes(kTrialText));
      file->sync();
      expect_trial_text(env::read_file(files, path), path.string());
    } catch (const Error&) {
      try {
        files.remove(path);
      } catch (const Error&) {
        // The first failure is the one to tell.
      }
      throw;
    }
  }
  files.remove(path);
}

void try_future_folder(env::FileSystem& files, const env::Path& folder) {
  env::Path there = folder;
  while (!files.status(there) && there.has_relative_path()) there = there.parent_path();
  try_folder(files, there);
}

void try_store(storage::Store& store) {
  const std::string name = fmt::format("selftest-{}", env::random_name());
  store.put(name, as_bytes(kTrialText), {.transient = true});
  try {
    expect_trial_text(store.get(name), name);
  } catch (const Error&) {
    try {
      store.remove(name);
    } catch (const Error&) {
      // The first failure is the one to tell.
    }
    throw;
  }
  store.remove(name);
}

}  // namespace

void check_backup_places(Session& session) {
  const World& world = session.world();
  const Configuration& configuration = session.configuration();
  bool any_file = false;
  for (const engine::Collection& collection : configuration.collections) {
    if (const auto server = configured_server(collection.database, configuration, world)) {
      const std::vector<std::string> tables{collection.table};
      const std::vector<std::string> own{engine::kWritesTable, engine::kTombstonesTable};
      postgres::expect_writable(postgres::Address(server->source.url), {}, tables, own);
      // Copies of its collections go there.
      try_future_folder(world.files, emergency_directory(configuration, world));
      continue;
    }
    any_file = true;
    const auto database = configured_database(collection.database, configuration, world);
    if (database && database->source.found) world.files.open_write(database->source.path);
  }
  // What is on a server goes into none.
  if (!any_file && !session.has_place()) return;
  session.repository();
  try_store(session.store());
}

void check_export_places(Session& session) {
  env::FileSystem& files = session.world().files;
  for (const DatabaseConfiguration& database : session.configuration().databases) {
    for (const engine::ExportTarget& target : database.exports) {
      if (target.format == engine::ExportFormat::kFiles) {
        engine::check_folder_place(target.file);
        if (files.status(target.file)) try_folder(files, target.file);
      } else {
        engine::check_place(files, target.file);
      }
      try_folder(files, target.file.parent_path());
    }
  }
}

void check_spool_places(Session& session) {
  const Configuration& configuration = session.configuration();
  const World& world = session.world();
  for (const engine::Collection& collection : configuration.collections) {
    const env::Path spool = spool_directory(configuration, world, collection.database);
    if (spool.empty()) {
      throw Error(ErrorCode::kConfiguration,
                  fmt::format("there is no place for a spool of {}", collection.database));
    }
    try_future_folder(world.files, spool);
  }
  try_future_folder(world.files, emergency_directory(configuration, world));
}

void check_copies(Session& session) {
  env::FileSystem& files = session.world().files;
  if (session.has_place()) {
    const auto list = repository::list_snapshots(session.repository());
    if (!list.unreadable.empty()) {
      throw Error(ErrorCode::kDamagedObject,
                  fmt::format("{} of the snapshots cannot be read: {} …", list.unreadable.size(),
                              list.unreadable.front()));
    }
  }
  for (const DatabaseConfiguration& database : session.configuration().databases) {
    for (const engine::ExportTarget& target : database.exports) {
      if (target.format == engine::ExportFormat::kFiles) continue;
      if (engine::look_at_target(files, target.file, false).found == engine::FoundFile::kChanged) {
        throw Error(ErrorCode::kDifferent,
                    fmt::format("{} is not what was exported: somebody has changed or damaged it",
                                target.file.string()));
      }
    }
  }
}

}  // namespace holdfast::service
