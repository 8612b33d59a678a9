#include "engine/verify/file_check.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "base/test_errors.h"
#include "engine/legacy/archive_writer.h"
#include "env/fault_file_system.h"
#include "env/temporary_directory.h"
#include "sqlite/test_database.h"

namespace holdfast::engine {
namespace {

using sqlite::file_content;
using testing::Test;

class FileChecks : public Test {
 protected:
  FileCheck check(const env::Path& file) {
    const FileCheck result = check_file(
        *files, {.file = file, .key = {{"video_id"}}, .scratch = scratch}, no_progress());
    EXPECT_TRUE(!std::filesystem::exists(scratch) || std::filesystem::is_empty(scratch));
    return result;
  }
  env::Path write(const std::string& name, std::string_view content) {
    const env::Path file = directory / name;
    env::write_file_atomically(env::posix_file_system(), file, as_bytes(content));
    return file;
  }
  env::Path database(const std::string& name = "app.db") {
    const env::Path file = directory / name;
    sqlite::run_sql(file,
                    "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT);"
                    "CREATE TABLE note (id INTEGER PRIMARY KEY, body BLOB);"
                    "INSERT INTO videos VALUES ('a', 'A'), ('b', 'B');"
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
                    "INSERT INTO note SELECT i, zeroblob(900) FROM n");
    return file;
  }
  // A page in the middle is noise.
  env::Path damaged_database() {
    std::string content = file_content(database("whole.db"));
    content.replace(content.size() / 2 / 4096 * 4096, 4096, 4096, 'x');
    return write("broken.db", content);
  }
  env::Path archive(const std::vector<std::pair<std::string, std::string>>& members) {
    const env::Path path = directory / "archive.tar.gz";
    const auto file = env::posix_file_system().create(path);
    ArchiveWriter writer(*file);
    for (const auto& [name, content] : members) {
      writer.begin(name, content.size(), {});
      writer.add(as_bytes(content));
    }
    writer.finish();
    return path;
  }

  env::TemporaryDirectory directory;
  const env::Path scratch = directory / "scratch";
  env::FileSystem* files = &env::posix_file_system();
};

TEST_F(FileChecks, CountsTheRowsOfASoundDatabase) {
  const FileCheck found = check(database());
  EXPECT_TRUE(found.is_sound());
  EXPECT_EQ(FileFormat::kSqlite, found.report.format);
  ASSERT_EQ(1u, found.databases.size());
  EXPECT_EQ(202u, found.databases[0].rows());
  ASSERT_EQ(2u, found.databases[0].tables.size());
  EXPECT_EQ("note", found.databases[0].tables[0].name);
  EXPECT_EQ(200u, found.databases[0].tables[0].rows);
  EXPECT_EQ((std::set<std::string>{"app.db"}), sqlite::names_in(directory.path()));
}

TEST_F(FileChecks, SaysWhatOfADamagedDatabaseCanStillBeRead) {
  const FileCheck found = check(damaged_database());
  EXPECT_FALSE(found.is_sound());
  ASSERT_EQ(1u, found.databases.size());
  EXPECT_FALSE(found.databases[0].problems.empty());
  EXPECT_GT(found.databases[0].rows(), 150u);
  EXPECT_LT(found.databases[0].rows(), 202u);
}

TEST_F(FileChecks, RowsThatReferToNothingAreAProblem) {
  const auto file = database();
  sqlite::run_sql(file,
                  "CREATE TABLE summary (video_id TEXT REFERENCES videos);"
                  "INSERT INTO summary VALUES ('nobody')");
  const FileCheck found = check(file);
  EXPECT_FALSE(found.is_sound());
  ASSERT_EQ(1u, found.databases.size());
  EXPECT_EQ(1u, found.databases[0].problems.size());
  EXPECT_EQ(203u, found.databases[0].rows());
}

TEST_F(FileChecks, ADatabaseWithoutItsBeginningIsToldFromNoise) {
  std::string content = file_content(database());
  content.replace(0, 16, 16, 'x');
  const FileCheck found = check(write("headless", content));
  EXPECT_FALSE(found.is_sound());
  ASSERT_EQ(1u, found.databases.size());
  EXPECT_EQ(202u, found.databases[0].rows());
  EXPECT_TRUE(check(write("noise", std::string(8192, 'z'))).databases.empty());
}

TEST_F(FileChecks, AHotJournalIsNotPlayedBack) {
  const auto file = database();
  std::string journal("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
  journal.resize(4096, '\1');
  write("app.db-journal", journal);
  const std::string before = file_content(file);
  const FileCheck found = check(file);
  EXPECT_FALSE(found.is_sound());
  EXPECT_EQ(202u, found.databases.at(0).rows());
  EXPECT_TRUE(before == file_content(file));
  EXPECT_EQ(journal, file_content(directory / "app.db-journal"));
}

TEST_F(FileChecks, LooksIntoEachDatabaseOfAnArchive) {
  const FileCheck found = check(archive({{"b/backup_metadata.json", "{\"backup_name\": \"x\"}"},
                                         {"b/app.db", file_content(database())},
                                         {"b/broken.db", file_content(damaged_database())},
                                         {"b/readme.txt", "Dear reader"}}));
  EXPECT_FALSE(found.is_sound());
  EXPECT_TRUE(found.report.is_intact());
  ASSERT_EQ(2u, found.databases.size());
  EXPECT_TRUE(found.databases[0].problems.empty());
  EXPECT_FALSE(found.databases[1].problems.empty());
  EXPECT_EQ((std::vector<std::string>{"b/readme.txt"}), found.others);
}

TEST_F(FileChecks, AnArchiveMustHoldWhatItsMetadataLists) {
  const std::string content = file_content(database());
  const auto with = [&](const std::string& file, std::size_t bytes) {
    std::filesystem::remove(directory / "archive.tar.gz");
    return check(archive(
        {{"backup_metadata.json", "{\"databases\": [{\"name\": \"main\", \"file\": \"" + file +
                                      "\", \"bytes\": " + std::to_string(bytes) + "}]}"},
         {"app.db", content}}));
  };
  const FileCheck sound = with("app.db", content.size());
  EXPECT_TRUE(sound.is_sound());
  EXPECT_EQ("main", sound.databases.at(0).database);
  EXPECT_EQ(1u, with("app.db", content.size() - 1).report.damages);
  EXPECT_EQ(1u, with("other.db", content.size()).report.damages);
}

TEST_F(FileChecks, MetadataThatIsNoneIsDamageAndNothingWorse) {
  for (const char* metadata : {"", "{", "[1]", "{\"databases\": 5}", "{\"databases\": [5, {}]}",
                               "{\"databases\": {\"a\": {\"file\": 5}}}"}) {
    std::filesystem::remove(directory / "archive.tar.gz");
    std::filesystem::remove(directory / "app.db");
    check(archive({{"backup_metadata.json", metadata}, {"app.db", file_content(database())}}));
  }
}

TEST_F(FileChecks, AnArchiveThatIsCutOffGivesWhatIsBefore) {
  const auto whole = archive({{"a.db", file_content(database())},
                              {"b", std::string(3 << 20, 'b')},
                              {"c.db", file_content(database("other.db"))}});
  std::string content = file_content(whole);
  content.resize(content.size() - 200);
  const FileCheck found = check(write("cut.tar.gz", content));
  EXPECT_FALSE(found.is_sound());
  EXPECT_EQ(1u, found.report.damages);
  ASSERT_FALSE(found.databases.empty());
  EXPECT_EQ(202u, found.databases[0].rows());
}

TEST_F(FileChecks, OneBitOfAnArchiveIsTold) {
  // Which is stored as it is: only the checksum can tell.
  const std::string noise =
      sqlite::run_sql(directory / "noise.db", "SELECT lower(hex(randomblob(20000)))");
  Bytes bytes(noise.size() / 2);
  ASSERT_TRUE(from_hex(noise, bytes));
  const auto whole =
      archive({{"app.db", file_content(database())}, {"noise", std::string(as_text(bytes))}});
  EXPECT_TRUE(check(whole).is_sound());
  std::string content = file_content(whole);
  content[content.size() - 9000] ^= 1;
  EXPECT_FALSE(check(write("flipped.tar.gz", content)).is_sound());
}

TEST_F(FileChecks, AnArchiveWithoutADatabaseIsNotSound) {
  EXPECT_FALSE(check(archive({{"readme.txt", "Dear reader"}})).is_sound());
}

TEST_F(FileChecks, ReadsADump) {
  const FileCheck sound = check(
      write("dump", "CREATE TABLE videos (video_id TEXT);\nINSERT INTO videos VALUES('a');\n"));
  EXPECT_TRUE(sound.is_sound());
  EXPECT_EQ(1u, sound.databases.at(0).rows());
  const FileCheck broken =
      check(write("cut", "CREATE TABLE videos (video_id TEXT);\nINSERT INTO videos VAL"));
  EXPECT_FALSE(broken.is_sound());
}

TEST_F(FileChecks, CountsTheRecordsOfJson) {
  const std::string whole = R"({"a": {"video_id": "a"}, "b": {"video_id": "b"}})";
  const FileCheck sound = check(write("results.json", whole));
  EXPECT_TRUE(sound.is_sound());
  EXPECT_EQ(FileFormat::kObject, sound.report.format);
  EXPECT_EQ(2u, sound.report.records);
  const FileCheck cut = check(write("cut.json", whole.substr(0, whole.size() - 5)));
  EXPECT_FALSE(cut.is_sound());
  EXPECT_EQ(1u, cut.report.records);
  const FileCheck encoded = check(write("b64", to_base64(as_bytes(whole))));
  EXPECT_TRUE(encoded.is_sound());
  EXPECT_TRUE(encoded.report.base64);
}

TEST_F(FileChecks, AFileThatCannotBeReadIsNoFinding) {
  env::FaultFileSystem faulty(env::posix_file_system());
  files = &faulty;
  const auto file = write("results.json", "{}");
  faulty.break_reading(file);
  EXPECT_EQ(ErrorCode::kIo, code_of([&] { check(file); }));
  EXPECT_EQ(ErrorCode::kNotFound, code_of([&] { check(directory / "nothing"); }));
}

TEST_F(FileChecks, AFullDiskIsNoFinding) {
  const auto file = archive({{"app.db", file_content(database())}});
  env::FaultFileSystem faulty(env::posix_file_system());
  files = &faulty;
  faulty.fill_disk(scratch);
  EXPECT_EQ(ErrorCode::kDiskFull, code_of([&] { check(file); }));
}

}  // namespace
}  // namespace holdfast::engine
