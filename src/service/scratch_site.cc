#include "service/scratch_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "engine/records/own_tables.h"
#include "env/randomness.h"
#include "postgres/row_store.h"
#include "service/databases.h"
#include "service/records.h"
#include "sqlite/connection.h"
#include "sqlite/row_store.h"
#include "sqlite/sample_copy.h"
#include "sqlite/statement.h"
#include "sqlite/value_binding.h"
#include "sqlite/write_transaction.h"

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

// Where nobody answers.
constexpr const char* kNoServer = "postgres://127.0.0.1:1/away?hostaddr=127.0.0.1";

std::string variable_of(std::string_view database) {
  std::string name = "HOLDFAST_SELFTEST_";
  for (const char c : database) name += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return name;
}

// Nothing of the user's places may be found from the scratch ones.
Variables scratch_variables(
    const env::Path& folder,
    std::shared_ptr<const std::map<std::string, std::string, std::less<>>> addresses) {
  return [folder, addresses](std::string_view name) -> std::optional<std::string> {
    if (const auto known = addresses->find(name); known != addresses->end()) return known->second;
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
      progress_(progress),
      world_(world),
      addresses_(std::make_shared<std::map<std::string, std::string, std::less<>>>()),
      prompt_(std::make_unique<NoPrompt>()),
      silent_(std::make_unique<SilentProgress>(progress)) {
  world_.variables = scratch_variables(folder_, addresses_);
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
    reset_schemas();
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
  for (const auto& [database, schema] : schemas_) {
    try {
      schema->remove();
    } catch (const Error& error) {
      progress_.warning(
          fmt::format("the scratch schema {} is left in {}: {}; the next selftest "
                      "removes it, or DROP SCHEMA {} CASCADE",
                      schema->name(), database, error.happened(), schema->name()));
    }
  }
}

env::Path ScratchSite::database_path(const std::string& database) const {
  return folder_ / "databases" / database / (database + ".db");
}

void ScratchSite::copy_configuration(const Configuration& configuration) {
  configuration_ = configuration;
  configuration_.file = folder_ / "holdfast.toml";
  configuration_.repositories = {{.place = (folder_ / "repository").string()}};
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
  for (DatabaseConfiguration& database : configuration_.databases) {
    std::vector<std::string> tables;
    for (const engine::Collection& collection : configuration_.collections) {
      if (collection.database == database.name) tables.push_back(collection.table);
    }
    if (tables.empty()) continue;
    progress_.advance(0);
    if (const auto server = configured_server(database.name, configuration, world)) {
      copy_schema(database, server->source.url);
      continue;
    }
    const DatabaseConfiguration& theirs = *configuration.database(database.name);
    copy_file(database, resolve_database(theirs, configuration, world).source.path, tables,
              configuration.records.patience);
  }
}

void ScratchSite::copy_file(const DatabaseConfiguration& database, const env::Path& source,
                            const std::vector<std::string>& tables,
                            std::chrono::milliseconds patience) {
  file_databases_.push_back(database.name);
  const env::Path path = database_path(database.name);
  files_.make_directories(path.parent_path());
  if (files_.status(source)) {
    sqlite::copy_sample(source, path, tables, patience);
  } else {
    // A database without a page is none.
    sqlite::Connection(path, sqlite::Access::kCreate, {}).execute("PRAGMA user_version = 1");
  }
  sqlite::Connection connection(path, sqlite::Access::kReadWrite, {});
  connection.execute("PRAGMA foreign_keys = OFF");
  for (const engine::Collection& collection : configuration_.collections) {
    if (collection.database == database.name && !collection.create.empty()) {
      connection.execute(collection.create.c_str());
    }
  }
}

void ScratchSite::copy_schema(DatabaseConfiguration& database, const std::string& url) {
  std::vector<postgres::TableToCopy> tables, others;
  for (const engine::Collection& collection : configuration_.collections) {
    if (collection.database != database.name) continue;
    tables.push_back({.table = collection.table, .create = collection.create, .with_row = true});
    for (const engine::ChildTable& child : collection.children) {
      others.push_back({.table = child.table, .create = child.create});
    }
    for (const engine::DeleteCascade& cascade : collection.cascades) {
      others.push_back({.table = cascade.table, .create = {}});
    }
  }
  std::ranges::move(others, std::back_inserter(tables));
  auto& schema = schemas_[database.name];
  schema = std::make_unique<postgres::ScratchSchema>(url, postgres::Timeouts{});
  schema->copy(tables);
  if (!schema->with_triggers().empty()) {
    progress_.notice(
        fmt::format("the selftest leaves out the triggers of {} in {}: they might write anywhere",
                    fmt::join(schema->with_triggers(), ", "), database.name));
  }
  // A table of the user's of this name may not be found in its place.
  postgres::RowStore store(postgres::Address(schema->url(true)), {});
  store.begin();
  engine::OwnTables(store).create();
  store.commit();
  const auto rename = [&](std::string& table, std::string& create) {
    if (const std::string name = schema->name_of(table); !name.empty()) table = name;
    create.clear();
  };
  std::string none;
  for (engine::Collection& collection : configuration_.collections) {
    if (collection.database != database.name) continue;
    rename(collection.table, collection.create);
    for (engine::ChildTable& child : collection.children) rename(child.table, child.create);
    for (engine::DeleteCascade& cascade : collection.cascades) rename(cascade.table, none);
  }
  database.source = {"$" + variable_of(database.name)};
  (*addresses_)[variable_of(database.name)] = schema->url();
}

void ScratchSite::take_samples() {
  std::map<const engine::Collection*, RowKey> in_files;
  for (const engine::Collection& collection : configuration_.collections) {
    Records records(configuration_, world_);
    const auto listed = records.list(collection.name, {.filters = {}, .sort = {}, .size = 1});
    if (listed.records.empty()) {
      make_up(collection);
      continue;
    }
    samples_[collection.name] = listed.records.front();
    if (is_on_server(collection)) continue;  // whose schema takes them out itself
    records.writer(collection).read([&](engine::RecordDatabase& database) {
      const engine::RecordLayout& layout = database.layout(collection.name);
      in_files[&collection] = {.columns = layout.collection.key,
                               .values = engine::key_from_id(listed.ids.front(), layout)};
    });
  }
  for (const auto& [collection, key] : in_files) take_out(*collection, key);
}

void ScratchSite::make_up(const engine::Collection& collection) {
  const auto table = open(collection.database)->table(collection.table);
  if (!table) {
    throw Error(ErrorCode::kTableMissing,
                fmt::format("the table {} of the collection {} is not there", collection.table,
                            collection.name));
  }
  samples_[collection.name] = made_up_record(collection, *table);
  made_up_.insert(collection.name);
}

// Whatever refers to it.
void ScratchSite::take_out(const engine::Collection& collection, const RowKey& key) {
  sqlite::WriteTransaction transaction(database_path(collection.database), {}, {});
  std::string sql = fmt::format("DELETE FROM {} WHERE true", sqlite::quoted_name(collection.table));
  for (const std::string& column : key.columns) {
    sql += fmt::format(" AND {} IS ?", sqlite::quoted_name(column));
  }
  sqlite::Statement statement(transaction.get(), sql);
  for (std::size_t i = 0; i < key.values.size(); ++i) {
    sqlite::bind_value(statement, static_cast<int>(i) + 1, key.values[i]);
  }
  statement.step();
  transaction.commit();
}

std::unique_ptr<RowSession> ScratchSite::open(const std::string& database) const {
  if (const auto schema = schemas_.find(database); schema != schemas_.end()) {
    return std::make_unique<postgres::RowStore>(postgres::Address(schema->second->url()),
                                                postgres::Timeouts{});
  }
  return std::make_unique<sqlite::RowStore>(database_path(database), sqlite::RowStoreOptions{});
}

void ScratchSite::reset_schemas() {
  for (const auto& [database, schema] : schemas_) schema->reset();
}

void ScratchSite::move_databases(bool away) {
  for (const std::string& name : file_databases_) {
    const env::Path home = database_path(name).parent_path();
    const env::Path other = home.string() + "-away";
    if (!files_.status(away ? home : other)) continue;
    files_.rename(away ? home : other, away ? other : home);
  }
  for (const auto& [database, schema] : schemas_) {
    (*addresses_)[variable_of(database)] = away ? std::string(kNoServer) : schema->url();
  }
}

}  // namespace holdfast::service
