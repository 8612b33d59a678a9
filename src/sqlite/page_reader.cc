#include "sqlite/page_reader.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "sqlite/connection.h"
#include "sqlite/page_vfs.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {
namespace {

class ReaderSource final : public PageSource {
 public:
  explicit ReaderSource(PageReader& reader)
      : reader_(reader), name_(reader), connection_(name_.name(), kPageVfs) {
    try {
      Statement(connection_.get(), "SELECT count(*) FROM sqlite_schema").step();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotADatabase) throw;
      throw Error(ErrorCode::kDatabaseDamaged, error.happened());
    }
  }

  Change advance() override {
    Change change;
    change.kind = std::exchange(advanced_, true) ? Change::Kind::kNothing : Change::Kind::kUnknown;
    return change;
  }
  void release() override {}
  bool is_newest() override { return true; }
  bool is_intact() override { return true; }
  Geometry geometry() const override { return reader_.geometry(); }
  void read(PageNumber first, MutableByteView out) override { reader_.read(first, out); }
  sqlite3* connection() override { return connection_.get(); }
  JournalMode journal_mode() const override { return JournalMode::kRollback; }
  const std::string& damage() const override { return damage_; }

 private:
  PageReader& reader_;
  PageVfsName name_;
  Connection connection_;
  std::string damage_;
  bool advanced_ = false;
};

}  // namespace

std::unique_ptr<PageSource> open_page_reader(PageReader& reader) {
  return std::make_unique<ReaderSource>(reader);
}

}  // namespace holdfast::sqlite
