// What can be read where this process may not write.
#include <gmock/gmock.h>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

constexpr uid_t kNobody = 65534;

class WithoutPermission : public testing::Test {
 protected:
  void SetUp() override {
    run_sql(path, "CREATE TABLE t(x); INSERT INTO t VALUES('there')");
    std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  }
  void TearDown() override { ASSERT_EQ(::seteuid(0), 0); }

  // From here on this process may read everything here, and write nothing.
  void become_nobody() {
    for (const auto& name : names_in(directory.path())) {
      std::filesystem::permissions(directory / name, std::filesystem::perms(0644));
    }
    // So long ago that the next write to it shows.
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  std::string there(PageSource& source) {
    const std::string image = image_of(source);
    EXPECT_EQ(::seteuid(0), 0);
    std::string answer;
    {
      env::TemporaryDirectory elsewhere;
      answer = ask_image(elsewhere.path(), image, "SELECT max(x) FROM t");
    }
    EXPECT_EQ(::seteuid(kNobody), 0);
    return answer;
  }

  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
};

TEST_F(WithoutPermission, ARollbackDatabaseIsRead) {
  become_nobody();
  auto source = open_page_source(path);
  source->advance();
  EXPECT_EQ(there(*source), "there");
}

TEST_F(WithoutPermission, AWalDatabaseThatNobodyUsesIsReadAndItsChangesAreNoticed) {
  run_sql(path, "PRAGMA journal_mode=WAL");
  become_nobody();
  if (IsSkipped()) return;
  auto source = open_page_source(path);
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_EQ(there(*source), "there");
  EXPECT_TRUE(source->is_newest());
  EXPECT_EQ(source->advance().kind, Change::Kind::kNothing);
  ASSERT_EQ(::seteuid(0), 0);
  run_sql(path, "INSERT INTO t VALUES('there too')");
  ASSERT_EQ(::seteuid(kNobody), 0);
  EXPECT_FALSE(source->is_newest());
  EXPECT_EQ(code_of([&] { image_of(*source); }), ErrorCode::kDatabaseChanged);
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_EQ(there(*source), "there too");
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"a.db"});
}

TEST_F(WithoutPermission, AWalDatabaseIsReadTogetherWithTheProcessThatUsesIt) {
  run_sql(path, "PRAGMA journal_mode=WAL");
  OtherConnection writer(path);
  writer.run("INSERT INTO t VALUES('there too')");
  become_nobody();
  if (IsSkipped()) return;
  auto source = open_page_source(path);
  source->advance();
  EXPECT_EQ(there(*source), "there too");
  writer.run("INSERT INTO t VALUES('there, third')");
  EXPECT_EQ(source->advance().kind, Change::Kind::kPages);
  EXPECT_EQ(there(*source), "there, third");
}

TEST_F(WithoutPermission, ALogWithoutItsIndexIsRefused) {
  run_sql(path, "PRAGMA journal_mode=WAL");
  {
    OtherConnection writer(path);
    writer.run("INSERT INTO t VALUES('there too')");
    writer.stop(SIGKILL);
  }
  std::filesystem::remove(path.string() + "-shm");
  become_nobody();
  if (IsSkipped()) return;
  EXPECT_EQ(code_of([&] { open_page_source(path); }), ErrorCode::kPermissionDenied);
}

TEST_F(WithoutPermission, AFileThatMayNotBeReadIsRefused) {
  become_nobody();
  if (IsSkipped()) return;
  ASSERT_EQ(::seteuid(0), 0);
  std::filesystem::permissions(path, std::filesystem::perms(0));
  ASSERT_EQ(::seteuid(kNobody), 0);
  EXPECT_EQ(code_of([&] { open_page_source(path); }), ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace holdfast::sqlite
