#include "service/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "postgres/row_store.h"
#include "service/nearest_word.h"
#include "sqlite/row_store.h"

namespace holdfast::service {
namespace {

// Long enough for the end of another's transaction; longer waiting is the writer's own, which can
// be told how long.
constexpr std::chrono::milliseconds kBusyTimeout{50};

// Names of databases may have slashes; those of files may not.
std::string file_name(std::string_view name) {
  std::string safe;
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '_' || c == '-' || (c == '.' && !safe.empty());
    if (plain) {
      safe += c;
    } else {
      safe += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return safe;
}

std::function<std::unique_ptr<RowSession>()> opening(const Database& database,
                                                     const RecordSettings& settings) {
  if (database.source.url.empty()) {
    return [path = database.source.path,
            options = sqlite::RowStoreOptions{.busy_timeout = kBusyTimeout,
                                              .own_tables_beside = settings.own_tables_beside}]() {
      return std::make_unique<sqlite::RowStore>(path, options);
    };
  }
  if (settings.own_tables_beside) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("own_tables = \"beside\": nothing can be kept beside the database {}, "
                            "which is on a PostgreSQL server",
                            database.name));
  }
  return [address = postgres::Address(database.source.url)]() {
    return std::make_unique<postgres::RowStore>(address, postgres::Timeouts{});
  };
}

}  // namespace

env::Path spool_directory(const Configuration& configuration, const World& world,
                          std::string_view database) {
  env::Path folder = configuration.records.spool;
  if (folder.empty()) {
    const env::Path state = default_state_directory(world);
    if (state.empty()) return {};
    folder = state / "spool";
  }
  return folder / file_name(database);
}

env::Path emergency_directory(const Configuration& configuration, const World& world) {
  if (!configuration.records.emergency.empty()) return configuration.records.emergency;
  const env::Path beside =
      configuration.file.empty() ? world.directory : configuration.file.parent_path();
  return beside / "backups";
}

std::optional<engine::SpoolState> spool_state(const Configuration& configuration,
                                              const World& world, std::string_view database) {
  const env::Path folder = spool_directory(configuration, world, database);
  if (folder.empty()) return std::nullopt;
  const engine::SpoolState state = engine::Spool(world.files, folder, 0).state();
  if (state.empty()) return std::nullopt;
  return state;
}

const engine::Collection& Records::collection(std::string_view name) const {
  if (const auto* found = configuration_.collection(name)) return *found;
  std::vector<std::string> names;
  for (const engine::Collection& each : configuration_.collections) names.push_back(each.name);
  const std::string near = nearest_word(name, names);
  throw Error(ErrorCode::kCollectionUnknown,
              fmt::format("there is no collection \"{}\"{}", name,
                          near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

engine::RecordWriter& Records::writer(const engine::Collection& collection) {
  const std::lock_guard lock(mutex_);
  auto& writer = writers_[collection.database];
  if (writer) return *writer;
  const DatabaseConfiguration* database = configuration_.database(collection.database);
  if (database == nullptr) {
    throw Error(ErrorCode::kDatabaseUnknown,
                fmt::format("the database {} of the collection {} is not configured",
                            collection.database, collection.name));
  }
  const Database found = resolve_database(*database, configuration_, world_);
  if (is_pattern(found.source.path, world_)) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("the collection {} needs one database, but {} is many files",
                            collection.name, collection.database));
  }
  std::vector<engine::Collection> collections;
  std::ranges::copy_if(configuration_.collections, std::back_inserter(collections),
                       [&](const auto& each) { return each.database == collection.database; });
  const RecordSettings& settings = configuration_.records;
  writer = std::make_unique<engine::RecordWriter>(engine::RecordWriterOptions{
      .files = world_.files,
      .clock = world_.clock,
      .open = opening(found, settings),
      .collections = std::move(collections),
      .spool = spool_directory(configuration_, world_, collection.database),
      .spool_limit = settings.spool_limit,
      .emergency = emergency_directory(configuration_, world_),
      .patience = settings.patience});
  return *writer;
}

std::vector<engine::WriteAnswer> Records::write(std::vector<engine::Write> writes) {
  std::map<engine::RecordWriter*, std::vector<std::size_t>> by_writer;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (writes[i].time == Time{}) writes[i].time = world_.clock.now();
    by_writer[&writer(collection(writes[i].collection))].push_back(i);
  }
  std::vector<engine::WriteAnswer> answers(writes.size());
  for (const auto& [writer, numbers] : by_writer) {
    std::vector<engine::Write> own;
    for (const std::size_t i : numbers) own.push_back(std::move(writes[i]));
    auto its = writer->write(std::move(own));
    for (std::size_t i = 0; i < numbers.size(); ++i) answers[numbers[i]] = std::move(its[i]);
  }
  return answers;
}

void Records::submit(std::vector<engine::SubmittedWrite> writes,
                     const engine::StepAside& step_aside) {
  std::map<engine::RecordWriter*, std::vector<engine::SubmittedWrite>> by_writer;
  for (engine::SubmittedWrite& each : writes) {
    if (each.write.time == Time{}) each.write.time = world_.clock.now();
    by_writer[&writer(collection(each.write.collection))].push_back(std::move(each));
  }
  // Whoever has stepped aside may be kept: all others are on their way by then.
  for (auto& [writer, own] : by_writer) {
    const bool is_last = writer == by_writer.rbegin()->first;
    writer->submit(std::move(own), is_last ? step_aside : engine::StepAside());
  }
}

std::optional<engine::Record> Records::get(std::string_view name, std::string_view record_id) {
  std::optional<engine::Record> record;
  writer(collection(name)).read([&](engine::RecordDatabase& database) {
    record = database.get(name, record_id);
  });
  return record;
}

engine::ListedRecords Records::list(std::string_view name, const engine::ListRequest& request) {
  engine::ListedRecords listed;
  writer(collection(name)).read([&](engine::RecordDatabase& database) {
    listed = database.list(name, request);
  });
  return listed;
}

engine::DrainReport Records::drain(std::string_view database) {
  for (const engine::Collection& each : configuration_.collections) {
    if (each.database == database) return writer(each).drain();
  }
  return {};
}

engine::DrainReport Records::drain() {
  engine::DrainReport all;
  for (const engine::Collection& collection : configuration_.collections) {
    const engine::DrainReport report = writer(collection).drain();
    all.stored += report.stored;
    all.rejected += report.rejected;
    if (!report.away.empty()) all.away = report.away;
  }
  return all;
}

}  // namespace holdfast::service
