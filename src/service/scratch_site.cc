#include "service/scratch_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "env/randomness.h"
#include "service/databases.h"
#include "service/records.h"
#include "sqlite/connection.h"
#include "sqlite/row_store.h"
#include "sqlite/sample_copy.h"

namespace holdfast::service {
namespace {

class NoPrompt final : public PassphrasePrompt {
 public:
  std::optional<std::string> ask(std::string_view) override { return std::nullopt; }
};

// What is said of scratch copies would be taken for what is said of the user's. It can be
// interrupted all the same.
class SilentProgress final : public Progress {
 public:
  explicit SilentProgress(Progress& base) : base_(base) {}
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override { base_.advance(0); }
  void notice(std::string_view) override {}
  void warning(std::string_view) override {}

 private:
  Progress& base_;
};

// Nothing of the user's places may be found from the scratch ones.
Variables scratch_variables(const env::Path& folder) {
  return [folder](std::string_view name) -> std::optional<std::string> {
    if (name == "HOLDFAST_CACHE_DIR") return (folder / "cache").string();
    if (name == "HOLDFAST_STATE_DIR") return (folder / "state").string();
    if (name == "TMPDIR") return folder.string();
    if (name == "HOLDFAST_KEY_CACHE") return "off";
    return std::nullopt;
  };
}

engine::Record placeholder(const ColumnFacts& column) {
  switch (column.kind) {
    case ColumnKind::kInteger:
    case ColumnKind::kNumeric:
    case ColumnKind::kDecimal:
      return 1;
    case ColumnKind::kReal:
      return 1.5;
    case ColumnKind::kBoolean:
      return true;
    case ColumnKind::kBlob:
      return {{"$blob", "AA=="}};
    case ColumnKind::kJson:
      return engine::Record::object();
    case ColumnKind::kAny:
    case ColumnKind::kText:
      break;
  }
  return "selftest";
}

// Of a table that has no rows: what it cannot do without.
engine::Record made_up_record(const engine::Collection& collection, const TableFacts& table) {
  engine::Record record = engine::Record::object();
  const auto& key = collection.key.empty() ? table.primary_key : collection.key;
  for (const ColumnFacts& column : table.columns) {
    const bool is_key = std::ranges::find(key, column.name) != key.end();
    if (!column.required && !is_key) continue;
    const auto mapping =
        std::ranges::find(collection.fields, column.name, &engine::FieldMapping::column);
    engine::Record* at = &record;
    if (mapping == collection.fields.end()) {
      at = &(*at)[column.name];
    } else {
      for (const std::string& name : mapping->path) at = &(*at)[name];
    }
    *at = placeholder(column);
  }
  return record;
}

}  // namespace

ScratchSite::ScratchSite(const Configuration& configuration, const World& world, Progress& progress)
    : files_(world.files),
      folder_(scratch_directory(world) / fmt::format("holdfast-selftest-{}", env::random_name())),
      world_(world),
      prompt_(std::make_unique<NoPrompt>()),
      silent_(std::make_unique<SilentProgress>(progress)) {
  world_.variables = scratch_variables(folder_);
  world_.directory = folder_;
  try {
    files_.make_directories(folder_);
    files_.set_mode(folder_, 0700);
    copy_configuration(configuration);
    copy_databases(configuration, world);
    session_ =
        std::make_unique<Session>(world_,
                                  SessionOptions{.repository = (folder_ / "repository").string(),
                                                 .configuration = {},
                                                 .cache_directory = {},
                                                 .command = "selftest"},
                                  *prompt_, *silent_);
    session_->use(configuration_);
    session_->create(false, "selftest");
    take_samples();
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    throw;
  }
}

ScratchSite::~ScratchSite() {
  session_.reset();  // it may have files of it open
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

env::Path ScratchSite::database_path(const std::string& database) const {
  return folder_ / "databases" / database / (database + ".db");
}

void ScratchSite::copy_configuration(const Configuration& configuration) {
  configuration_ = configuration;
  configuration_.file = folder_ / "holdfast.toml";
  configuration_.repository = (folder_ / "repository").string();
  configuration_.passphrase_file.clear();
  configuration_.records.spool = folder_ / "spool";
  configuration_.records.emergency = folder_ / "backups";
  configuration_.records.patience = {};
  std::size_t number = 0;
  for (DatabaseConfiguration& database : configuration_.databases) {
    database.source = {database_path(database.name).string()};
    for (engine::ExportTarget& target : database.exports) {
      const env::Path place = folder_ / "exports" / std::to_string(++number);
      files_.make_directories(place);
      target.file = place / target.file.filename();
    }
  }
  // One at least that records can be brought back from.
  for (const engine::Collection& collection : configuration_.collections) {
    for (DatabaseConfiguration& database : configuration_.databases) {
      if (database.name != collection.database) continue;
      const env::Path place = folder_ / "exports" / std::to_string(++number);
      files_.make_directories(place);
      database.exports.push_back({.collection = collection.name, .file = place / "selftest.json"});
    }
  }
}

void ScratchSite::copy_databases(const Configuration& configuration, const World& world) {
  for (const DatabaseConfiguration& database : configuration.databases) {
    std::vector<std::string> tables;
    for (const engine::Collection& collection : configuration.collections) {
      if (collection.database == database.name) tables.push_back(collection.table);
    }
    if (tables.empty()) continue;
    const env::Path path = database_path(database.name);
    files_.make_directories(path.parent_path());
    const env::Path source = resolve_database(database, configuration, world).source.path;
    if (files_.status(source)) {
      sqlite::copy_sample(source, path, tables, configuration.records.patience);
    } else {
      // A database without a page is none.
      sqlite::Connection(path, sqlite::Access::kCreate, {}).execute("PRAGMA user_version = 1");
    }
    sqlite::Connection connection(path, sqlite::Access::kReadWrite, {});
    connection.execute("PRAGMA foreign_keys = OFF");
    for (const engine::Collection& collection : configuration.collections) {
      if (collection.database == database.name && !collection.create.empty()) {
        connection.execute(collection.create.c_str());
      }
    }
  }
}

void ScratchSite::take_samples() {
  for (const engine::Collection& collection : configuration_.collections) {
    Records records(configuration_, world_);
    const auto listed = records.list(collection.name, {.filters = {}, .sort = {}, .size = 1});
    const env::Path path = database_path(collection.database);
    if (listed.records.empty()) {
      sqlite::RowStore store(path, {});
      const auto table = store.table(collection.table);
      if (!table) {
        throw Error(ErrorCode::kTableMissing,
                    fmt::format("the table {} of the collection {} is not there", collection.table,
                                collection.name));
      }
      samples_[collection.name] = made_up_record(collection, *table);
      made_up_.insert(collection.name);
      continue;
    }
    samples_[collection.name] = listed.records.front();
    sqlite::Connection connection(path, sqlite::Access::kReadWrite, {});
    connection.execute("PRAGMA foreign_keys = OFF");
    connection.execute(
        fmt::format("DELETE FROM {}", sqlite::quoted_name(collection.table)).c_str());
  }
}

}  // namespace holdfast::service
