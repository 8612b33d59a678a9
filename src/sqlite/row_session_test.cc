// SQLite's rows under the tests that every engine must pass.
#include "base/test_row_session.h"
#include "sqlite/row_store.h"
#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

class FileSubject final : public RowSessionSubject {
 public:
  FileSubject() { run_sql(path_, "PRAGMA journal_mode = WAL"); }
  std::unique_ptr<RowSession> open() override {
    return std::make_unique<RowStore>(path_, RowStoreOptions{});
  }
  std::string sql(const std::string& text) override { return run_sql(path_, text); }
  std::string blob_type() const override { return "BLOB"; }
  std::string numbered_key() const override { return "INTEGER PRIMARY KEY"; }

 private:
  env::TemporaryDirectory directory_;
  const Path path_ = directory_ / "app.db";
};

}  // namespace
}  // namespace holdfast::sqlite

namespace holdfast {

INSTANTIATE_TEST_SUITE_P(Engines, RowSessionSuite,
                         testing::Values(RowSessionCase{
                             "Sqlite", [] { return std::make_unique<sqlite::FileSubject>(); }}),
                         name_of_case);

}  // namespace holdfast
