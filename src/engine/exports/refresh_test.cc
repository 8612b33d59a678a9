#include "engine/exports/refresh.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "engine/exports/export.h"
#include "engine/exports/test_lying_files.h"
#include "engine/records/record_json.h"
#include "env/crash_file_system.h"
#include "sqlite/test_database.h"
#include "sqlite/view_reader.h"

namespace holdfast::engine {
namespace {

using sqlite::file_content;
using sqlite::names_in;
using sqlite::run_sql;

constexpr std::uint64_t kRefreshSeed = 20261122;

class SilentProgress final : public Progress {
 public:
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t amount) override { advanced += amount; }
  void notice(std::string_view) override {}
  void warning(std::string_view) override {}

  std::uint64_t advanced = 0;
};

class RefreshTest : public testing::Test {
 protected:
  RefreshTest() {
    std::filesystem::create_directory(folder);
    run_sql(path,
            "CREATE TABLE video (id TEXT PRIMARY KEY, n INTEGER, body TEXT);"
            "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 1200) "
            "INSERT INTO video SELECT printf('%05d', i * 10), 10000 + i, "
            "hex(zeroblob(1500 + i % 7)) FROM k");
    collections.resize(1);
    collections[0].name = collections[0].table = "video";
  }
  ExportTarget target(ExportFormat format = ExportFormat::kObject, bool base64 = false) const {
    return {.collection = "video",
            .file = folder / (std::string(format_name(format)) + (base64 ? ".b64" : "")),
            .format = format,
            .base64 = base64};
  }
  ExportRequest request(std::vector<ExportTarget> targets, bool remembers) {
    return {.database = "app",
            .collections = collections,
            .targets = std::move(targets),
            .open =
                [this] {
                  return std::make_unique<sqlite::ViewReader>(path, std::chrono::milliseconds(0));
                },
            .pending = {},
            .mode = 0644,
            .index_folder = remembers ? indexes : env::Path(),
            .least_indexed = 0};
  }
  ExportOutcome run(const ExportTarget& wanted) { return run(wanted, env::posix_file_system()); }
  ExportOutcome run(const ExportTarget& wanted, env::FileSystem& files) {
    return run_exports(files, env::system_clock(), request({wanted}, true), progress).at(0);
  }
  // What a whole export into another folder makes of the database.
  std::string whole(ExportTarget wanted) {
    const auto elsewhere = directory / "whole";
    std::filesystem::remove_all(elsewhere);
    std::filesystem::create_directory(elsewhere);
    wanted.file = elsewhere / "file";
    const auto outcome = run_exports(env::posix_file_system(), env::system_clock(),
                                     request({wanted}, false), progress)
                             .at(0);
    EXPECT_FALSE(outcome.failure);
    return file_content(wanted.file);
  }
  // Two exports, after which there is a spare file to make the next one of.
  void begin(const ExportTarget& wanted) {
    run(wanted);
    run_sql(path, "UPDATE video SET n = n + 1 WHERE id = '00010'");
    run(wanted);
  }
  // Whether the export was made of the spare file: then that is the file in place by now.
  bool is_refreshed(const ExportTarget& wanted) {
    const auto spare = spare_of(wanted);
    if (!spare) {
      ADD_FAILURE() << "there is no spare file";
      return false;
    }
    const auto before = env::posix_file_system().status(*spare)->identity;
    const ExportOutcome outcome = run(wanted);
    EXPECT_FALSE(outcome.failure);
    EXPECT_EQ(FoundFile::kOurs, outcome.publication.found);
    return env::posix_file_system().status(wanted.file)->identity == before;
  }
  std::optional<env::Path> spare_of(const ExportTarget& wanted) const {
    for (const std::string& name : names_in(folder)) {
      if (name.starts_with("." + wanted.file.filename().string() + ".export-"))
        return folder / name;
    }
    return std::nullopt;
  }
  void change_one() { run_sql(path, "UPDATE video SET n = n + 1 WHERE id = '06000'"); }

  env::TemporaryDirectory directory;
  const std::filesystem::path path = directory / "app.db", folder = directory / "site",
                              indexes = directory / "site" / ".indexes";
  std::vector<Collection> collections;
  SilentProgress progress;
};

TEST_F(RefreshTest, MakesTheSpareFileTheNextOne) {
  begin(target());
  EXPECT_EQ(0600u, env::posix_file_system().status(*spare_of(target()))->mode);
  for (int i = 0; i < 3; ++i) {
    change_one();
    EXPECT_TRUE(is_refreshed(target()));
    EXPECT_TRUE(file_content(target().file) == whole(target()));
    EXPECT_EQ(0644u, env::posix_file_system().status(target().file)->mode);
  }
}

TEST_F(RefreshTest, LeavesAFileAloneThatIsTheSameAlready) {
  begin(target());
  const auto before = env::posix_file_system().status(target().file);
  const ExportOutcome outcome = run(target());
  EXPECT_TRUE(outcome.publication.unchanged);
  EXPECT_EQ(1200u, outcome.records);
  EXPECT_EQ(before->identity, env::posix_file_system().status(target().file)->identity);
}

TEST_F(RefreshTest, IsByteForByteAWholeExportAfterRandomEdits) {
  const ExportTarget all[] = {target(), target(ExportFormat::kObject, true),
                              target(ExportFormat::kArray), target(ExportFormat::kLines, true),
                              target(ExportFormat::kCsv)};
  for (const ExportTarget& wanted : all) begin(wanted);
  std::mt19937_64 chance(kRefreshSeed);
  int refreshed = 0;
  for (int round = 0; round < 12; ++round) {
    const std::string at = fmt::format("{:05}", 10 * (720 + chance() % 480));
    const std::string edits[] = {
        fmt::format("UPDATE video SET n = 10000 + n % 7 WHERE id >= '{}' AND id < '{}9'", at, at),
        fmt::format("UPDATE video SET body = body || 'x' WHERE id >= '{}' AND id < '{}9'", at, at),
        fmt::format("INSERT OR REPLACE INTO video VALUES ('{}', 7, 'new \"one\"')", at),
        fmt::format("DELETE FROM video WHERE id >= '{}' AND id < '{}5'", at, at),
        fmt::format("UPDATE video SET id = id || 'b' WHERE id >= '{}' AND id < '{}2'", at, at)};
    run_sql(path, edits[chance() % std::size(edits)]);
    for (const ExportTarget& wanted : all) {
      refreshed += is_refreshed(wanted) ? 1 : 0;
      ASSERT_TRUE(file_content(wanted.file) == whole(wanted))
          << wanted.file << " in round " << round << " of seed " << kRefreshSeed;
    }
  }
  EXPECT_GT(refreshed, 20);
}

TEST_F(RefreshTest, IsByteForByteAWholeExportOfNumberedRecords) {
  run_sql(path,
          "CREATE TABLE talk (n INTEGER PRIMARY KEY, body BLOB);"
          "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 3000) "
          "INSERT INTO talk SELECT i * 3 - 900, zeroblob(1000 + i % 300) FROM k");
  collections.push_back(collections[0]);
  collections[1].name = collections[1].table = "talk";
  ExportTarget all[] = {target(), target(ExportFormat::kObject, true),
                        target(ExportFormat::kLines)};
  for (ExportTarget& wanted : all) {
    wanted.collection = "talk";
    run(wanted);
  }
  run_sql(path, "UPDATE talk SET body = 'x' WHERE n = 8100");
  for (const ExportTarget& wanted : all) run(wanted);
  std::mt19937_64 chance(kRefreshSeed);
  int refreshed = 0;
  for (int round = 0; round < 12; ++round) {
    const std::int64_t at = 4200 + static_cast<std::int64_t>(chance() % 3900);
    const std::string edits[] = {
        fmt::format("UPDATE talk SET body = randomblob(length(body)) WHERE n / 10 = {}", at / 10),
        fmt::format("UPDATE talk SET body = randomblob({}) WHERE n = {}", chance() % 5000, at),
        fmt::format("INSERT OR REPLACE INTO talk VALUES ({}, 'new')", at),
        fmt::format("DELETE FROM talk WHERE n / 100 = {}", at / 100),
        fmt::format("UPDATE talk SET n = n + 10000 WHERE n / 30 = {}", at / 30)};
    run_sql(path, edits[chance() % std::size(edits)]);
    for (const ExportTarget& wanted : all) {
      refreshed += is_refreshed(wanted) ? 1 : 0;
      ASSERT_TRUE(file_content(wanted.file) == whole(wanted))
          << wanted.file << " in round " << round << " of seed " << kRefreshSeed;
    }
  }
  EXPECT_GT(refreshed, 20);
}

TEST_F(RefreshTest, ReadsTheRowsOnceForAllFilesOfOneFormat) {
  const std::vector<ExportTarget> both = {target(), target(ExportFormat::kObject, true)};
  const auto run_both = [&] {
    return run_exports(env::posix_file_system(), env::system_clock(), request(both, true),
                       progress);
  };
  run_both();
  change_one();
  run_both();
  change_one();
  progress.advanced = 0;
  for (const ExportOutcome& outcome : run_both()) EXPECT_FALSE(outcome.failure);
  EXPECT_LT(progress.advanced, 2 * std::filesystem::file_size(both[0].file));
  for (const ExportTarget& wanted : both) {
    EXPECT_TRUE(file_content(wanted.file) == whole(wanted));
  }
}

TEST_F(RefreshTest, LosesNoRecordWithoutAKey) {
  begin(target(ExportFormat::kLines));
  run_sql(path, "INSERT INTO video VALUES (NULL, 1, 'no key')");
  EXPECT_FALSE(is_refreshed(target(ExportFormat::kLines)));
  EXPECT_TRUE(file_content(target(ExportFormat::kLines).file) ==
              whole(target(ExportFormat::kLines)));
}

TEST_F(RefreshTest, PrintsNoRecordTwiceWhereTheOrderOfKeysIsAnother) {
  run_sql(path, "UPDATE video SET id = iif(n % 4, 'K', 'j') || id");
  begin(target());
  run_sql(path,
          "CREATE TABLE other (id TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER, body TEXT);"
          "INSERT INTO other SELECT * FROM video; DROP TABLE video;"
          "ALTER TABLE other RENAME TO video; DELETE FROM video WHERE id < 'j11990'");
  run(target());
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, FindsRecordsBetweenKeysOfAnyAlphabet) {
  run_sql(path, "UPDATE video SET id = 'ü' || id WHERE id > '06000'");
  begin(target());
  run_sql(path, "INSERT INTO video VALUES ('ü06005', 1, 'new'), ('日本', 2, 'newer')");
  run(target());
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, PrintsTheFirstAndTheLastRecordAndNoneAtAll) {
  const ExportTarget wanted = target(ExportFormat::kArray, true);
  begin(wanted);
  for (const char* edit :
       {"DELETE FROM video WHERE id = (SELECT max(id) FROM video)",
        "INSERT INTO video VALUES ('99999', 1, 'last')",
        "INSERT INTO video VALUES ('', 1, 'first')", "DELETE FROM video WHERE id = ''",
        "DELETE FROM video WHERE id > '00020'", "DELETE FROM video",
        "INSERT INTO video VALUES ('1', 1, 'one')"}) {
    run_sql(path, edit);
    run(wanted);
    EXPECT_TRUE(file_content(wanted.file) == whole(wanted)) << edit;
  }
}

TEST_F(RefreshTest, NeverWritesToAFileThatSomebodyReads) {
  begin(target());
  std::ifstream reader(*spare_of(target()));
  change_one();
  EXPECT_FALSE(is_refreshed(target()));
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, NeverWritesToAFileThatHasAnotherName) {
  begin(target());
  std::filesystem::create_hard_link(*spare_of(target()), directory / "copy");
  const std::string before = file_content(directory / "copy");
  change_one();
  EXPECT_FALSE(is_refreshed(target()));
  EXPECT_TRUE(file_content(directory / "copy") == before);
}

TEST_F(RefreshTest, TrustsNoSpareFileThatWasChanged) {
  begin(target());
  std::fstream(*spare_of(target()), std::ios::in | std::ios::out).seekp(100).write("xxx", 3);
  change_one();
  EXPECT_FALSE(is_refreshed(target()));
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, TrustsNoIndexThatIsDamaged) {
  const env::Path index = index_path(indexes, target().file);
  const auto damage = [&](const std::function<void(std::string&)>& change) {
    begin(target());
    std::string content = file_content(index);
    change(content);
    sqlite::write_content(index, content);
    change_one();
    EXPECT_FALSE(is_refreshed(target()));
    EXPECT_TRUE(file_content(target().file) == whole(target()));
  };
  damage([](std::string& content) { content.clear(); });
  damage([](std::string& content) { content = "HFEXIDX1"; });
  damage([](std::string& content) { content.pop_back(); });
  damage([](std::string& content) { content[content.size() / 2] ^= 1; });
}

TEST_F(RefreshTest, TrustsNoIndexOfAnEarlierFile) {
  begin(target());
  const env::Path index = index_path(indexes, target().file);
  const std::string earlier = file_content(index);
  change_one();
  EXPECT_TRUE(is_refreshed(target()));
  sqlite::write_content(index, earlier);
  change_one();
  EXPECT_FALSE(is_refreshed(target()));
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, TrustsNoIndexOfOtherRules) {
  begin(target());
  collections[0].fields = {{.path = {"number"}, .column = "n"}};
  change_one();
  EXPECT_FALSE(is_refreshed(target()));
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, LeavesTheFileInPlaceWhereTheNewOneDoesNotReadBack) {
  begin(target());
  const std::string before = file_content(target().file);
  change_one();
  LyingFiles files;
  files.wrong_byte = before.size() / 2;
  const ExportOutcome outcome = run(target(), files);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(ErrorCode::kWriteNotProved, outcome.failure->code());
  EXPECT_TRUE(file_content(target().file) == before);
  EXPECT_FALSE(run(target()).failure);
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, KeepsAsideWhatSomebodyElseHasChanged) {
  begin(target());
  sqlite::write_content(target().file, "theirs");
  change_one();
  const ExportOutcome outcome = run(target());
  EXPECT_EQ("theirs", file_content(outcome.publication.kept));
  EXPECT_TRUE(file_content(target().file) == whole(target()));
}

TEST_F(RefreshTest, IsNotTriedWhereTheRowsAreNotAll) {
  ExportRequest wanted = request({target()}, true);
  wanted.pending = [] {
    return std::vector<Write>{{.id = "1",
                               .kind = WriteKind::kPut,
                               .collection = "video",
                               .record = parse_record_json(R"({"id": "1", "n": 5})"),
                               .record_id = {}}};
  };
  run_exports(env::posix_file_system(), env::system_clock(), wanted, progress);
  EXPECT_FALSE(std::filesystem::exists(index_path(indexes, target().file)));
}

// Wherever it is stopped, also by a power loss, the file in place is the old or the new one, and so
// are those that later exports make.
TEST_F(RefreshTest, IsTheOldOrTheNewOneWhereverItIsStopped) {
  using Effect = env::CrashFileSystem::Effect;
  const ExportTarget wanted = target(ExportFormat::kLines);
  begin(wanted);
  const auto set = [&](const char* id, int n) {
    run_sql(path, fmt::format("UPDATE video SET n = {} WHERE id = '{}'", n, id));
  };
  set("06000", 20'000);
  const std::string old = whole(wanted);
  set("06000", 20'001);
  const std::string fresh = whole(wanted);
  set("00020", 20'002);
  const std::string later = whole(wanted);
  for (const Effect effect : {Effect::kNone, Effect::kPart, Effect::kWhole}) {
    bool stopped = true, made_of_spare = false;
    for (std::uint64_t at = 1; stopped; ++at) {
      ASSERT_LT(at, 200u);
      run(wanted);
      set("00020", 10'002);
      set("06000", 20'000);
      run(wanted);
      ASSERT_TRUE(file_content(wanted.file) == old) << at;
      const auto spare = env::posix_file_system().status(spare_of(wanted).value())->identity;
      set("06000", 20'001);
      {
        env::CrashFileSystem files(folder);
        files.stop_at(at, effect);
        try {
          run(wanted, files);
        } catch (const env::CrashError&) {
        }
        stopped = files.stopped();
        files.lose_unsynced(at);
      }
      const std::string found = file_content(wanted.file);
      ASSERT_TRUE(found == old || found == fresh) << at;
      made_of_spare = env::posix_file_system().status(wanted.file)->identity == spare;
      for (const std::string& next : {fresh, later}) {
        const ExportOutcome outcome = run(wanted);
        ASSERT_FALSE(outcome.failure) << at << ": " << outcome.failure->happened();
        ASSERT_TRUE(outcome.publication.kept.empty()) << at;
        ASSERT_TRUE(file_content(wanted.file) == next) << at;
        set("00020", 20'002);
      }
    }
    EXPECT_TRUE(made_of_spare);
  }
}

TEST(ExportIndex, ComesBackAsItWas) {
  ExportIndex index;
  index.key = codec::SecretKey::random();
  index.rules = "rules";
  index.hash = "hash";
  index.file = {.size = 5,
                .identity = 6,
                .modified = Time(Duration(7)),
                .changed = Time(Duration(8)),
                .pieces = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}};
  index.spare = index.file;
  index.spare_name = "name";
  index.block_length = 9;
  index.blocks = {{.first = std::int64_t{-5}, .rows = {5, 6}, .records = 7, .length = 8},
                  {.first = std::string("text"), .rows = {1, 2}, .records = 3, .length = 4}};
  const Bytes bytes = encode_index(index);
  const auto found = decode_index(bytes);
  ASSERT_TRUE(found);
  EXPECT_TRUE(encode_index(*found) == bytes);
  EXPECT_EQ(index.blocks, found->blocks);
  EXPECT_EQ("name", found->spare_name);
}

TEST(ExportIndex, NamesNoSpareFileElsewhere) {
  ExportIndex index;
  index.spare.emplace();
  index.spare_name = "../name";
  EXPECT_FALSE(decode_index(encode_index(index)));
}

}  // namespace
}  // namespace holdfast::engine
