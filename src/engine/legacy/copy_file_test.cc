#include "engine/legacy/copy_file.h"

#include <gtest/gtest.h>

#include <set>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/legacy/archive_copy.h"
#include "engine/records/test_records.h"

namespace holdfast::engine {
namespace {

class CopyFiles : public RecordsTest {
 protected:
  CopyReport read(const std::filesystem::path& file) {
    ids.clear();
    return read_copy_file(
        files,
        {.file = file, .collection = &collections[0], .key = {}, .scratch = directory.path()},
        [&](const std::string& id, Record&& record) {
          EXPECT_TRUE(record.is_object());
          ids.insert(id);
        },
        no_progress());
  }
  std::filesystem::path write(const std::string& name, const std::string& content) {
    const auto file = directory / name;
    env::write_file_atomically(files, file, as_bytes(content));
    return file;
  }
  // One entry of a tar file, with its content and padding.
  static std::string entry(const std::string& name, const std::string& content, char type = '0',
                           const std::string& link = "") {
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, const std::string& text) {
      header.replace(at, text.size(), text);
    };
    const auto octal = [](std::uint64_t value) {
      std::string text(11, '0');
      for (std::size_t i = text.size(); i-- > 0; value /= 8) {
        text[i] = static_cast<char>('0' + value % 8);
      }
      return text;
    };
    put(0, name);
    put(100, "0000600");
    put(124, octal(content.size()));
    put(136, octal(0));
    put(148, "        ");
    header[156] = type;
    put(157, link);
    put(257, std::string("ustar\00000", 8));
    std::uint64_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, octal(sum).substr(5));
    header[154] = '\0';
    std::string padded = content;
    padded.resize((content.size() + 511) / 512 * 512);
    return header + padded;
  }
  static std::string tar_end() { return std::string(1024, '\0'); }

  std::string database_content() {
    const Bytes bytes = env::read_file(files, path);
    return std::string(as_text(bytes));
  }

  env::FileSystem& files = env::posix_file_system();
  std::set<std::string> ids;
};

TEST_F(CopyFiles, ReadsADatabaseWithAnOlderTable) {
  const auto old = directory / "old.db";
  sqlite::run_sql(old,
                  "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT);"
                  "INSERT INTO videos VALUES ('a', 'A'), ('b', 'B')");
  const CopyReport report = read(old);
  EXPECT_EQ(FileFormat::kSqlite, report.format);
  EXPECT_TRUE(report.is_intact());
  EXPECT_EQ((std::set<std::string>{"a", "b"}), ids);
}

TEST_F(CopyFiles, ADatabaseWithoutTheTableIsUnrelated) {
  const auto other = directory / "other.db";
  sqlite::run_sql(other, "CREATE TABLE arrows (id INTEGER PRIMARY KEY)");
  const CopyReport report = read(other);
  EXPECT_TRUE(report.unrelated);
  EXPECT_TRUE(report.is_intact());
}

TEST_F(CopyFiles, SalvagesADatabaseWhoseHeaderIsLost) {
  sql("INSERT INTO videos (video_id, title) VALUES ('a', 'A'), ('b', 'B')");
  std::string content = database_content();
  content.replace(0, 16, 16, 'x');
  const CopyReport report = read(write("broken", content));
  EXPECT_FALSE(report.is_intact());
  EXPECT_EQ(2u, report.records);
}

TEST_F(CopyFiles, ReadsADump) {
  const auto file = write("dump",
                          "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
                          "CREATE TABLE videos (video_id TEXT PRIMARY KEY, title TEXT);\n"
                          "INSERT INTO videos VALUES('a','; -- no end');\n"
                          "INSERT INTO videos VALUES('b','');\n"
                          "CREATE TRIGGER t AFTER INSERT ON videos BEGIN DELETE FROM "
                          "videos; SELECT 1; END;\n"
                          "COMMIT;\n");
  const CopyReport report = read(file);
  EXPECT_EQ(FileFormat::kSql, report.format);
  EXPECT_TRUE(report.is_intact());
  EXPECT_EQ(2u, report.records);
}

TEST_F(CopyFiles, ReadsADumpWhoseTableCallsFunctionsForJson) {
  const auto file = write("dump",
                          "CREATE TABLE videos (video_id TEXT PRIMARY KEY, facts TEXT CHECK "
                          "(json_valid(facts)), title TEXT AS (facts ->> '$.title'));\n"
                          "INSERT INTO videos VALUES('a','{\"title\":\"A\"}');\n");
  const CopyReport report = read(file);
  EXPECT_TRUE(report.is_intact());
  EXPECT_EQ(1u, report.records);
}

TEST_F(CopyFiles, ADumpReachesNoOtherFileAndItsRowsAreRead) {
  const auto other = directory / "other.db";
  const auto file = write("dump",
                          "CREATE TABLE videos (video_id TEXT PRIMARY KEY);\n"
                          "ATTACH '" +
                              other.string() + "' AS o;\nVACUUM INTO '" + other.string() +
                              "';\n"
                              "SELECT load_extension('x');\nINSERT INTO videos VALUES('a');\n");
  const CopyReport report = read(file);
  EXPECT_EQ(3u, report.damages);
  EXPECT_EQ(1u, report.records);
  EXPECT_FALSE(std::filesystem::exists(other));
}

TEST_F(CopyFiles, ADumpThatIsCutOffGivesWhatIsBefore) {
  const auto file = write("dump",
                          "CREATE TABLE videos (video_id TEXT PRIMARY KEY);\nBEGIN;\n"
                          "INSERT INTO videos VALUES('a');\nINSERT INTO videos VAL");
  const CopyReport report = read(file);
  EXPECT_EQ(1u, report.damages);
  EXPECT_EQ(1u, report.records);
}

TEST_F(CopyFiles, ReadsTheDatabaseOfAnArchive) {
  sql("INSERT INTO videos (video_id, title) VALUES ('a', 'A')");
  const auto file = write("archive", entry("b/backup_metadata.json", "{}") +
                                         entry("b/app.db", database_content()) + tar_end());
  const CopyReport report = read(file);
  EXPECT_EQ(FileFormat::kArchive, report.format);
  EXPECT_TRUE(report.is_intact());
  EXPECT_EQ((std::set<std::string>{"a"}), ids);
}

TEST_F(CopyFiles, RefusesDangerousArchives) {
  sql("INSERT INTO videos (video_id, title) VALUES ('a', 'A')");
  const std::string good = entry("app.db", database_content());
  const std::vector<std::string> bad = {entry("../outside.db", database_content()),
                                        entry("/outside.db", database_content()),
                                        entry("app.db", "", '2', "/etc/passwd"),
                                        entry("app.db", "", '1', "other"),
                                        entry("app.db", "", '3'),
                                        entry("app.db", "", '6')};
  for (const std::string& one : bad) {
    const CopyReport report = read(write("archive", good + one + tar_end()));
    EXPECT_EQ(1u, report.damages) << one.substr(0, 20);
    EXPECT_EQ(0u, report.records);
    EXPECT_FALSE(std::filesystem::exists(directory / "outside.db"));
    std::filesystem::remove(directory / "archive");
  }
}

TEST_F(CopyFiles, RefusesAnArchiveThatUnpacksToTooMuch) {
  const auto file =
      write("archive", entry("a", std::string(3000, 'a')) + entry("b", "b") + tar_end());
  const auto folder = directory / "folder";
  files.make_directories(folder);
  EXPECT_THROW(unpack_archive(files, file, folder, {.entries = 10, .bytes = 2000, .ratio = 0},
                              no_progress()),
               Error);
  EXPECT_THROW(
      unpack_archive(files, file, folder, {.entries = 1, .bytes = 9000, .ratio = 0}, no_progress()),
      Error);
}

TEST_F(CopyFiles, ReportsWhatIsNoCopyAtAll) {
  EXPECT_EQ("it is empty", read(write("empty", "")).reasons.at(0));
  EXPECT_EQ(1u, read(write("text", "Dear reader")).damages);
  EXPECT_EQ(1u, read(write("noise", std::string(8192, 'z'))).damages);
}

}  // namespace
}  // namespace holdfast::engine
