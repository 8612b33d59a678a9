#include "sqlite/integrity.h"

#include <gmock/gmock.h>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Integrity : public testing::Test {
 protected:
  void damage(std::int64_t offset) {
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(offset)
        .write("broken", 6);
  }
  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
};

TEST_F(Integrity, FindsNothingWrongWithAHealthyDatabaseAndLeavesNothingBehind) {
  for (const char* mode : {"DELETE", "WAL"}) {
    run_sql(path, fmt::format("PRAGMA journal_mode={}; CREATE TABLE IF NOT EXISTS t(x)", mode));
    const auto names = names_in(directory.path());
    EXPECT_THAT(check_integrity(path), IsEmpty());
    EXPECT_EQ(names_in(directory.path()), names);
  }
}

TEST_F(Integrity, ReportsDamagedPages) {
  run_sql(path, "CREATE TABLE t(x); INSERT INTO t VALUES(zeroblob(3000)),(zeroblob(3000))");
  damage(4096);
  EXPECT_THAT(check_integrity(path), Not(IsEmpty()));
}

TEST_F(Integrity, ReportsWhatItCannotOpen) {
  EXPECT_THAT(check_integrity(path), SizeIs(1));
  write_content(path, "");
  EXPECT_THAT(check_integrity(path), ElementsAre("the file is empty"));
  write_content(path, std::string(4096, 'x'));
  EXPECT_THAT(check_integrity(path), ElementsAre(HasSubstr("file is not a database")));
}

TEST_F(Integrity, ReportsBrokenReferences) {
  run_sql(path,
          "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p);"
          "INSERT INTO c VALUES(9)");
  EXPECT_THAT(check_integrity(path), ElementsAre("row 1 of c refers to a missing row of p"));
}

TEST_F(Integrity, GivesUpAfterAHundredMessages) {
  run_sql(path,
          "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
          "INSERT INTO c SELECT i FROM n");
  EXPECT_THAT(check_integrity(path), SizeIs(100));
}

}  // namespace
}  // namespace holdfast::sqlite
