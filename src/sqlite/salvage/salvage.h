// Every row that the intact pages of a damaged database still hold, in a new database.
//
// The file is read page by page by code of our own; SQLite, which refuses what is damaged, only
// writes the new one.
#ifndef HOLDFAST_SQLITE_SALVAGE_SALVAGE_H_
#define HOLDFAST_SQLITE_SALVAGE_SALVAGE_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "sqlite/page_source.h"
#include "sqlite/salvage/damaged_image.h"

namespace holdfast::sqlite {

struct SalvageOptions {
  // Also take what free pages hold: rows that were deleted, or moved. They go to lost and found.
  bool free_pages = false;
};

struct SalvagedTable {
  std::string name;
  std::uint64_t rows = 0;           // in the new table
  std::uint64_t rows_rejoined = 0;  // of these, those whose way from the root is lost
  std::uint64_t rows_refused = 0;   // by a constraint; they are in lost and found
  std::uint64_t rows_damaged = 0;   // cannot be read, or not to their end
  std::uint64_t pages = 0, pages_lost = 0;
  std::string problem;  // why the table could not be made: then its rows are in lost and found
  bool is_whole() const {
    return rows_rejoined + rows_refused + rows_damaged + pages_lost == 0 && problem.empty();
  }
};

struct SalvageReport {
  std::uint32_t page_size = 0;
  PageNumber page_count = 0;
  std::string encoding;
  bool header_intact = true;          // otherwise page size and encoding were told from the pages
  bool schema_complete = true;        // otherwise tables may be missing
  bool free_list_intact = true;       // otherwise deleted rows may be in lost and found
  std::uint64_t log_frames = 0;       // of commits in the log beside the file
  std::vector<SalvagedTable> tables;  // in the order in which they were made
  std::string lost_and_found;         // name of the table; empty if there are no such rows
  std::uint64_t lost_rows = 0;        // in it
  std::uint64_t lost_fragments = 0;   // of these, beginnings of rows that are cut off
  std::vector<std::string> problems;  // what else could not be taken over, and why

  std::uint64_t rows() const;
  // Nothing was found to be damaged.
  bool is_whole() const;
};

// Writes to the file at `target`, which must exist and be empty; afterwards it is complete, and not
// yet synced. On failure its content means nothing. The same file gives the same database, row by
// row. Throws kInterrupted through `progress`, kDiskFull, kSqlite, kIo.
SalvageReport salvage(const DamagedImage& image, const std::filesystem::path& target,
                      const SalvageOptions& options, Progress& progress);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_SALVAGE_H_
