// Views of a database with a write-ahead log.
#ifndef HOLDFAST_SQLITE_WAL_SOURCE_H_
#define HOLDFAST_SQLITE_WAL_SOURCE_H_

#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sqlite/connection.h"
#include "sqlite/log_files.h"
#include "sqlite/page_source.h"
#include "sqlite/statement.h"
#include "sqlite/wal_index.h"

namespace holdfast::sqlite {

// What a read transaction sees: the database file, overlaid with the last frame of each page in the
// log.
struct WalView {
  WalIndexHeader header;
  Geometry geometry;
  std::vector<std::uint64_t> overlay;  // page number << 32 | frame, sorted, one entry a page
  std::uint32_t backfilled = 0;
  // The database file, where only a checkpoint that is still to come may change it.
  std::optional<FileState> file;
};

// One connection, and at most one read transaction of it.
class WalReader {
 public:
  WalReader(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout);

  WalView begin();
  void end();
  // Whether the database file was changed since, and not by a checkpoint.
  bool was_written_past_locks(const WalView& view) const;

  const Connection& connection() const { return connection_; }
  Connection& connection() { return connection_; }
  WalIndex index() const { return WalIndex(connection_.file()); }

 private:
  bool try_begin(WalView& view);
  bool is_untouched_by_checkpoints(const WalView& view) const;
  Geometry geometry_of(const WalIndexHeader& header) const;

  Connection connection_;
  Statement begin_read_;
  std::chrono::milliseconds busy_timeout_;
};

// While this object lives, no other process can leave WAL mode or delete the log: SQLite keeps a
// SHARED lock on the database file. Closing deletes an empty log that this object made itself, and
// an index that it made for a log it found; it never writes the log back.
class WalSource : public PageSource {
 public:
  // Throws, besides what advance() says, kPermissionDenied, kDatabaseDamaged and kNotADatabase.
  WalSource(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout);
  ~WalSource() override;
  WalSource(const WalSource&) = delete;
  WalSource& operator=(const WalSource&) = delete;

  Change advance() override;
  void release() override;
  bool is_newest() override;
  bool is_intact() override;
  std::optional<LogMark> mark() override;
  std::optional<std::vector<PageNumber>> changed_since(const LogMark& mark) override;
  Geometry geometry() const override { return view_->geometry; }
  void read(PageNumber first, MutableByteView out) override;
  bool is_in_file(PageNumber first, PageNumber count) override;
  sqlite3* connection() override { return readers_[current_]->connection().get(); }
  JournalMode journal_mode() const override { return JournalMode::kWal; }
  const std::string& damage() const override { return damage_; }

  const Connection& opened() const { return readers_[current_]->connection(); }

 private:
  Change difference(const WalView& before, bool held, const WalView& now,
                    const WalIndex& index) const;
  void close() noexcept;

  bool found_log_, found_index_;  // before this object opened anything
  std::array<std::optional<WalReader>, 2> readers_;
  std::size_t current_ = 0;      // the reader whose transaction is the view
  bool held_ = false;            // false after release()
  std::optional<WalView> view_;  // the last view, held or not
  bool torn_ = false;            // somebody wrote past the locks of that view
  std::string damage_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_WAL_SOURCE_H_
