#include "sqlite/raw_source.h"

#include <gmock/gmock.h>

#include <array>
#include <random>

#include "sqlite/test_database.h"

namespace holdfast::sqlite {
namespace {

using testing::HasSubstr;

std::string random_content(std::size_t size) {
  std::mt19937 random(42);
  std::string content(size, '\0');
  for (char& c : content) c = static_cast<char>(random());
  return content;
}

class ARawSource : public testing::Test {
 protected:
  std::unique_ptr<PageSource> open() {
    auto source = open_page_source(path);
    EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
    return source;
  }
  env::TemporaryDirectory directory;
  const Path path = directory / "a.db";
};

TEST_F(ARawSource, TakesAnEncryptedLookingFileAsPagesThatFit) {
  const std::array<std::pair<std::size_t, std::uint32_t>, 5> sizes{
      {{1024, 1024}, {4096, 4096}, {4096 * 3, 4096}, {4096 * 3 + 512, 512}, {6144, 2048}}};
  for (const auto& [size, page_size] : sizes) {
    const std::string content = random_content(size);
    write_content(path, content);
    auto source = open();
    EXPECT_THAT(source->damage(), HasSubstr("encrypted or damaged"));
    EXPECT_EQ(source->connection(), nullptr);
    EXPECT_EQ(source->geometry().page_size, page_size);
    EXPECT_EQ(image_of(*source), content);
    EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"a.db"});
  }
}

TEST_F(ARawSource, IsRefusedWhereTheSizeIsNotThatOfADatabase) {
  for (const std::size_t size : {1, 512, 1023, 1025, 5000}) {
    write_content(path, random_content(size));
    EXPECT_EQ(code_of([&] { open_page_source(path); }), ErrorCode::kNotADatabase) << size;
  }
}

TEST_F(ARawSource, TakesADatabaseWithADamagedHeader) {
  run_sql(path, "PRAGMA page_size=8192; CREATE TABLE t(x); CREATE TABLE u(x);");
  std::string content = file_content(path);
  content.replace(16, 2, "\x77\x77");  // no page size
  write_content(path, content);
  auto source = open();
  EXPECT_THAT(source->damage(), HasSubstr("file is not a database"));
  EXPECT_EQ(image_of(*source), content);
}

TEST_F(ARawSource, TakesWhatIsLeftOfACutDatabase) {
  run_sql(path, "PRAGMA page_size=8192; CREATE TABLE t(x); CREATE TABLE u(x);");
  const std::string content = file_content(path);
  std::filesystem::resize_file(path, 16384);
  EXPECT_EQ(open()->geometry(), (Geometry{.page_size = 8192, .page_count = 2}));
  std::filesystem::resize_file(path, 8192 + 1000);
  EXPECT_EQ(open()->geometry(), (Geometry{.page_size = 8192, .page_count = 1}));
  std::filesystem::resize_file(path, 1000);
  auto source = open();
  EXPECT_EQ(source->geometry(), (Geometry{.page_size = 512, .page_count = 1}));
  EXPECT_EQ(image_of(*source), content.substr(0, 512));
}

TEST_F(ARawSource, SaysThatALogIsNotIncluded) {
  write_content(path, random_content(4096));
  write_content(path.string() + "-wal", "some log");
  EXPECT_THAT(open()->damage(), HasSubstr("write-ahead log of 8 bytes"));
  EXPECT_EQ(file_content(path.string() + "-wal"), "some log");
}

TEST_F(ARawSource, KnowsByTheTimeOfTheFileWhetherItChanged) {
  write_content(path, random_content(4096));
  auto source = open();
  EXPECT_TRUE(source->is_newest());
  EXPECT_EQ(source->advance().kind, Change::Kind::kNothing);
  write_content(path, random_content(8192));
  EXPECT_FALSE(source->is_newest());
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_EQ(image_of(*source), random_content(8192));
}

TEST_F(ARawSource, GivesWayToTheDatabaseOnceTheFileIsRepaired) {
  write_content(path, random_content(4096));
  auto source = open();
  const Path whole = directory / "whole.db";
  run_sql(whole, "CREATE TABLE t(x)");
  write_content(path, file_content(whole));
  EXPECT_EQ(source->advance().kind, Change::Kind::kUnknown);
  EXPECT_EQ(source->damage(), "");
  EXPECT_NE(source->connection(), nullptr);
}

}  // namespace
}  // namespace holdfast::sqlite
