// A connection to one database file, owned.
#ifndef HOLDFAST_SQLITE_CONNECTION_H_
#define HOLDFAST_SQLITE_CONNECTION_H_

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "sqlite/database_file.h"
#include "sqlite/open_connections.h"

struct sqlite3;

namespace holdfast::sqlite {

enum class Access {
  kReadOnly,
  kReadWrite,  // never creates a database
  kCreate,     // reads and writes, and makes the file where there is none
  kImmutable,  // reads without locks and without looking at a journal or a log
};

// By one thread at a time. Closing never checkpoints, unless checkpoint_on_close() says so. The
// schema of the database is not trusted: views and triggers of it call no functions with side
// effects.
class Connection {
 public:
  // Opening looks at the file's header only: it takes no lock, and creates nothing but for kCreate.
  // `vfs`: SQLite's own if null. Throws kDatabaseMissing, kPermissionDenied, kSqlite.
  Connection(const std::filesystem::path& path, Access access,
             std::chrono::milliseconds busy_timeout, const char* vfs = nullptr);
  // What the VFS of this name calls so, for reading.
  Connection(const std::string& name, const char* vfs);

  sqlite3* get() const { return handle_.get(); }
  // Throws what the error of the statement means; a statement may be several.
  void execute(const char* sql) const;
  bool in_transaction() const;
  // The path with all symbolic links resolved, beside which SQLite looks for the journal and the
  // log.
  std::filesystem::path resolved_path() const;

  DatabaseFile file() const;
  // The log in WAL mode; not open in rollback mode while nothing is written.
  DatabaseFile journal() const;
  // SQLite's own behaviour: the last connection writes the log back and deletes it.
  void checkpoint_on_close(bool wanted) const;
  void close() noexcept { handle_.reset(); }

 private:
  struct Closer {
    void operator()(sqlite3* handle) const;
  };

  void open(const std::string& name, int flags, const char* vfs);

  OpenConnection counted_;  // first, so that it outlives the handle
  std::unique_ptr<sqlite3, Closer> handle_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_CONNECTION_H_
