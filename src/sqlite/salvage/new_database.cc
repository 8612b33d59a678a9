#include "sqlite/salvage/new_database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "base/error.h"
#include "sqlite/salvage/lost_and_found.h"
#include "sqlite/statement.h"
#include "sqlite/table_shape.h"

namespace holdfast::sqlite {
namespace {

int vacuum_mode(const ImageLayout& layout) {
  constexpr int kNone = 0, kFull = 1, kIncremental = 2;
  if (!layout.auto_vacuum) return kNone;
  return layout.incremental_vacuum ? kIncremental : kFull;
}

// And not of the statement.
bool is_of_the_database(ErrorCode code) {
  return code == ErrorCode::kDiskFull || code == ErrorCode::kIo || code == ErrorCode::kInternal;
}

// SQLite's own tables cannot be made by their statements.
const char* statement_that_makes(std::string_view name) {
  if (same_name(name, "sqlite_sequence")) {
    return "CREATE TABLE main.holdfast_sequence(id INTEGER PRIMARY KEY AUTOINCREMENT);"
           "DROP TABLE main.holdfast_sequence";
  }
  return same_name(name, "sqlite_stat1") ? "ANALYZE sqlite_master" : nullptr;
}

}  // namespace

NewDatabase::NewDatabase(const std::filesystem::path& path, const ImageLayout& layout,
                         Progress& progress)
    : progress_(progress),
      connection_(path, Access::kReadWrite, std::chrono::milliseconds(0)),
      functions_(get()) {
  sqlite3* db = get();
  for (const int off : {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_FKEY}) {
    sqlite3_db_config(db, off, 0, nullptr);
  }
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  constexpr int kInstructions = 1'000'000;
  sqlite3_progress_handler(db, kInstructions, &NewDatabase::go_on, &progress);
  int reserved = static_cast<int>(layout.reserved);
  sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
  // A crash leaves a file behind that has not got its name yet: there is nothing to roll back to.
  const std::string settings = fmt::format(
      "PRAGMA page_size={};PRAGMA encoding='{}';PRAGMA auto_vacuum={};PRAGMA journal_mode=MEMORY;"
      "PRAGMA synchronous=OFF;PRAGMA locking_mode=EXCLUSIVE;PRAGMA cache_size=-32768;BEGIN;"
      "PRAGMA user_version={};PRAGMA application_id={}",
      layout.page_size, encoding_name(layout.encoding), vacuum_mode(layout),
      static_cast<std::int32_t>(layout.user_version),
      static_cast<std::int32_t>(layout.application_id));
  connection_.execute(settings.c_str());
}

int NewDatabase::go_on(void* progress) {
  try {
    static_cast<Progress*>(progress)->advance(0);
    return 0;
  } catch (const Error&) {
    return 1;  // the same is thrown where the statement was run
  }
}

bool NewDatabase::allows(int action, std::string_view first, std::string_view second) {
  switch (action) {
    case SQLITE_CREATE_TABLE:
      if (same_name(first, "sqlite_sequence")) return true;
      made_ = first;
      return making_->is_table();
    case SQLITE_CREATE_VTABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_TRIGGER:
      return same_name(first, making_->name);
    case SQLITE_CREATE_INDEX:
      // Constraints of a table make indexes of their own.
      return making_->is_table() || same_name(first, making_->name);
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
      return same_name(first, "sqlite_master") || same_name(first, "sqlite_sequence");
    case SQLITE_FUNCTION:
      return functions_.contains(second);
    case SQLITE_READ:
    case SQLITE_REINDEX:
      return true;
    default:
      return false;
  }
}

int NewDatabase::authorize(void* self, int action, const char* first, const char* second,
                           const char*, const char*) {
  const bool allowed = static_cast<NewDatabase*>(self)->allows(
      action, first == nullptr ? "" : first, second == nullptr ? "" : second);
  return allowed ? SQLITE_OK : SQLITE_DENY;
}

std::string NewDatabase::make(const SchemaItem& item) {
  try {
    if (const char* own = item.is_table() ? statement_that_makes(item.name) : nullptr) {
      connection_.execute(own);
      made_ = item.name;
      return {};
    }
    making_ = &item;
    sqlite3_set_authorizer(get(), &NewDatabase::authorize, this);
    Statement statement = Statement::only(get(), item.sql);
    if (!item.is_virtual()) statement.step();
  } catch (const Error& error) {
    sqlite3_set_authorizer(get(), nullptr, nullptr);
    progress_.advance(0);
    if (is_of_the_database(error.code())) throw;
    return error.happened();
  }
  sqlite3_set_authorizer(get(), nullptr, nullptr);
  return {};
}

bool NewDatabase::has(const std::string& name) const {
  return Statement(get(), fmt::format("SELECT 1 FROM main.sqlite_master WHERE lower(name) = "
                                      "lower({})",
                                      quoted_text(name)))
      .step();
}

std::string NewDatabase::enter_virtual_table(const SchemaItem& item) {
  // Only looks whether it is one statement that makes this table.
  if (std::string refused = make(item); !refused.empty()) return refused;
  sqlite3_db_config(get(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  connection_.execute("PRAGMA writable_schema=ON");
  Statement statement(get(), fmt::format("INSERT INTO sqlite_master(type, name, tbl_name, "
                                         "rootpage, sql) VALUES ('table', {0}, {0}, 0, {1})",
                                         quoted_text(item.name), quoted_text(item.sql)));
  statement.step();
  connection_.execute("PRAGMA writable_schema=OFF");
  return {};
}

void NewDatabase::put_sequences_aside() {
  connection_.execute(
      "CREATE TEMP TABLE reached AS SELECT name, max(seq) AS seq FROM main.sqlite_sequence "
      "GROUP BY name; DELETE FROM main.sqlite_sequence");
}

void NewDatabase::merge_sequences() {
  connection_.execute(
      "UPDATE main.sqlite_sequence SET seq = (SELECT r.seq FROM temp.reached AS r WHERE r.name = "
      "sqlite_sequence.name) WHERE seq < (SELECT r.seq FROM temp.reached AS r WHERE r.name = "
      "sqlite_sequence.name);"
      "INSERT INTO main.sqlite_sequence(name, seq) SELECT name, seq FROM temp.reached "
      "WHERE name NOT IN (SELECT name FROM main.sqlite_sequence WHERE name IS NOT NULL) "
      "ORDER BY name;"
      "DROP TABLE temp.reached");
}

void NewDatabase::commit() { connection_.execute("COMMIT"); }

}  // namespace holdfast::sqlite
