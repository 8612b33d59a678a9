// A file that SQLite does not accept as a database, encrypted or damaged, read as it stands.
#ifndef HOLDFAST_SQLITE_RAW_SOURCE_H_
#define HOLDFAST_SQLITE_RAW_SOURCE_H_

#include <optional>
#include <string>

#include "sqlite/connection.h"
#include "sqlite/log_files.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

class RawSource : public PageSource {
 public:
  // Whether a file of this size may be a database at all.
  static bool is_plausible(std::uint64_t size, bool has_magic);

  // `connection` lends its file only; no transaction is ever begun on it.
  RawSource(Connection connection, std::string damage);

  Change advance() override;
  void release() override {}
  bool is_newest() override;
  bool is_intact() override { return is_newest(); }
  Geometry geometry() const override { return geometry_; }
  void read(PageNumber first, MutableByteView out) override;
  sqlite3* connection() override { return nullptr; }
  JournalMode journal_mode() const override { return JournalMode::kRollback; }
  const std::string& damage() const override { return damage_; }

  const Connection& opened() const { return connection_; }

 private:
  Connection connection_;
  std::string damage_;
  std::optional<FileState> state_;  // of the last view
  Geometry geometry_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_RAW_SOURCE_H_
