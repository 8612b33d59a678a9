// Views of a database with a rollback journal: a SHARED lock keeps every writer from the file.
#ifndef HOLDFAST_SQLITE_ROLLBACK_SOURCE_H_
#define HOLDFAST_SQLITE_ROLLBACK_SOURCE_H_

#include <optional>
#include <string>

#include "sqlite/connection.h"
#include "sqlite/file_header.h"
#include "sqlite/log_files.h"
#include "sqlite/page_source.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {

// That nobody wrote past the lock is told by the file's times. With an immutable connection there
// is no lock, and nothing that could take one: then every read is followed by a look at them.
class RollbackSource : public PageSource {
 public:
  // The first view proves that SQLite accepts the file: besides what advance() says, it throws
  // kDatabaseDamaged or kNotADatabase.
  RollbackSource(Connection connection, Access access);

  Change advance() override;
  void release() override;
  bool is_newest() override;
  bool is_intact() override;
  Geometry geometry() const override { return state_->geometry; }
  void read(PageNumber first, MutableByteView out) override;
  bool is_in_file(PageNumber, PageNumber) override { return !immutable_; }
  sqlite3* connection() override { return connection_.get(); }
  JournalMode journal_mode() const override { return JournalMode::kRollback; }
  const std::string& damage() const override { return damage_; }

  const Connection& opened() const { return connection_; }

 private:
  struct State {
    Geometry geometry;
    std::uint32_t change_counter = 0;
    FileState file;
    bool operator==(const State&) const = default;
  };
  // What its header says, if it fits to what is known of the file.
  State state_of(const FileState& file) const;

  Connection connection_;
  bool immutable_;
  Statement begin_read_;
  std::optional<State> state_;  // of the last view, held or not
  bool torn_ = false;           // somebody wrote past the lock of that view
  std::string damage_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_ROLLBACK_SOURCE_H_
