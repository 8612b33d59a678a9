#include "sqlite/view_reader.h"

#include <gtest/gtest.h>

#include <thread>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

class ViewReaderTest : public testing::TestWithParam<const char*> {
 protected:
  ViewReaderTest() {
    run_sql(path, std::string("PRAGMA journal_mode = ") + GetParam() +
                      "; CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                      "2000) INSERT INTO t SELECT i, hex(zeroblob(i % 3000)) FROM n");
  }
  static std::string rows_between(holdfast::RowReader& reader, std::int64_t begin,
                                  std::int64_t end) {
    const auto scan = reader.scan(
        {.table = "t",
         .columns = {"id", "text"},
         .conditions = {{.column = "id", .is = RowCondition::Is::kGreaterOrEqual, .value = begin},
                        {.column = "id", .is = RowCondition::Is::kLess, .value = end}},
         .order = {{.column = "id", .descending = false}},
         .limit = {}});
    std::string text;
    while (scan->next()) {
      text += std::to_string(scan->row()[0].integer) + ' ';
      text += scan->row()[1].bytes;
      text += '\n';
    }
    return text;
  }

  env::TemporaryDirectory directory;
  const std::filesystem::path path = directory / "app.db";
};

TEST_P(ViewReaderTest, ATwinReadsTheSameStateInAnotherThread) {
  Connection application(path, Access::kReadWrite, std::chrono::milliseconds(0));
  const bool has_log = std::string_view(GetParam()) == "WAL";
  if (has_log) application.execute("UPDATE t SET text = 'in the log' WHERE id % 7 = 0");
  ViewReader reader(path, std::chrono::milliseconds(0));
  const std::string whole = rows_between(reader, 0, 10'000);
  const auto twin = reader.twin();
  if (has_log) application.execute("DELETE FROM t WHERE id % 5 = 0");
  std::string first, second;
  std::thread other([&] { second = rows_between(*twin, 1000, 10'000); });
  first = rows_between(reader, 0, 1000);
  other.join();
  EXPECT_TRUE(whole == first + second);
  EXPECT_EQ(2u, twin->table("t")->columns.size());
}

INSTANTIATE_TEST_SUITE_P(Journals, ViewReaderTest, testing::Values("WAL", "DELETE"));

}  // namespace
}  // namespace holdfast::sqlite
