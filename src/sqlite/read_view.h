// One committed state of a database, for SQL that only reads.
#ifndef HOLDFAST_SQLITE_READ_VIEW_H_
#define HOLDFAST_SQLITE_READ_VIEW_H_

#include <chrono>
#include <filesystem>
#include <memory>

#include "sqlite/page_source.h"

struct sqlite3;

namespace holdfast::sqlite {

// A journal that a crashed process left is played back first, as for any reader that opens the
// database. Beyond that nothing is written, and no file is left that was not there. By one thread.
class ReadView {
 public:
  // Throws as open_page_source(), and kDatabaseDamaged for what SQLite does not open as a database.
  ReadView(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout);
  // A view of pages that need not be a file's. Throws kDatabaseDamaged as above.
  explicit ReadView(std::unique_ptr<PageSource> source);

  sqlite3* connection() const { return source_->connection(); }
  PageSource& source() const { return *source_; }

 private:
  std::unique_ptr<PageSource> source_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_READ_VIEW_H_
