// Brings rows back into a database, and keeps rows out of it. The only writing in this folder
// beside replacement.h: all of it in one transaction of SQLite's own, so that it happens whole or
// not at all.
#ifndef HOLDFAST_SQLITE_ROW_MERGE_H_
#define HOLDFAST_SQLITE_ROW_MERGE_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "sqlite/buried_rows.h"

namespace holdfast::sqlite {

// Rows that may never come back: DELETE FROM `table` WHERE `condition`.
struct Exclusion {
  std::string table, condition;
};

struct TableMerge {
  std::string table;
  std::uint64_t inserted = 0;  // rows that only the other database had
  std::uint64_t kept = 0;      // rows of both whose present form was kept though it differs
  std::uint64_t lost = 0;      // rows that break a constraint of the present table, or refer to a
                               // row that is nowhere: not brought back
  std::uint64_t excluded = 0;  // rows not brought back because of an exclusion
  std::uint64_t buried = 0;    // rows not brought back because they were deleted for good
  std::string skipped;         // why the table was left alone; empty if it was merged
};
struct MergeReport {
  std::vector<TableMerge> tables;
  std::vector<std::string> created;  // tables (with indexes, triggers and views) that were missing
  std::uint64_t inserted() const;
  std::uint64_t buried() const;
};

struct MergeRequest {
  std::filesystem::path target, history;
  std::span<const Exclusion> exclusions;
  Tombstones tombstones;
  std::chrono::milliseconds busy_timeout{};
};

// Inserts into `target` the rows of `history` (a restored copy that nobody else uses, and that
// loses what is excluded, with the rows that refer to it) whose primary key is not there; every row
// that `target` has stays as it is. Tables without a primary key are compared by rowid if they have
// an INTEGER PRIMARY KEY, else by all their columns. Columns are matched by name; ones that only
// the history has are left out, ones that only the target has take their default. Triggers do not
// fire; foreign keys are checked at the end, and a violation that was not there before takes the
// inserted row out again. A row that breaks a UNIQUE constraint loses to the present one. What has
// a tombstone stays away; they are looked at in the same transaction, so that no delete can come in
// between. Throws kSqlite, kDatabaseBusy … with `target` as it was.
MergeReport merge_rows(const MergeRequest& request);

// Deletes what is excluded, children first by foreign keys. The number of rows of each exclusion,
// in order; a table that is not there has none. Throws as above; a condition that is no SQL
// expression throws kSqlite and changes nothing.
std::vector<std::uint64_t> remove_excluded(const std::filesystem::path& path,
                                           std::span<const Exclusion> exclusions,
                                           std::chrono::milliseconds busy_timeout);
// How many rows there are now that each of them excludes.
std::vector<std::uint64_t> count_excluded(const std::filesystem::path& path,
                                          std::span<const Exclusion> exclusions,
                                          std::chrono::milliseconds busy_timeout);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_ROW_MERGE_H_
