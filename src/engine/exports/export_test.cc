#include "engine/exports/export.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "engine/records/record_database.h"
#include "env/crash_file_system.h"
#include "env/fault_file_system.h"
#include "sqlite/test_database.h"
#include "sqlite/view_reader.h"

namespace holdfast::engine {
namespace {

using sqlite::file_content;
using sqlite::names_in;
using sqlite::run_sql;
using sqlite::write_content;

class NoProgress final : public Progress {
 public:
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void notice(std::string_view) override {}
  void warning(std::string_view) override {}
};

class ExportTest : public testing::Test {
 protected:
  ExportTest() {
    std::filesystem::create_directory(folder);
    run_sql(path,
            "CREATE TABLE video (id TEXT PRIMARY KEY, n INTEGER);"
            "INSERT INTO video VALUES ('b', 2), ('a', 1)");
    collections.resize(1);
    collections[0].name = collections[0].table = "video";
  }

  ExportTarget target(const std::string& name, ExportFormat format = ExportFormat::kObject,
                      bool base64 = false) {
    return {.collection = "video", .file = folder / name, .format = format, .base64 = base64};
  }
  ExportRequest request(std::vector<ExportTarget> targets) {
    return {.database = "app",
            .collections = collections,
            .targets = std::move(targets),
            .open =
                [this] {
                  return std::make_unique<sqlite::ViewReader>(path, std::chrono::milliseconds(0));
                },
            .pending = {},
            .mode = 0644};
  }
  std::vector<ExportOutcome> run(std::vector<ExportTarget> targets) {
    return run_exports(env::posix_file_system(), env::system_clock(), request(std::move(targets)),
                       progress);
  }
  ExportOutcome run_one() { return run({target("v.json")}).at(0); }
  std::string content() { return file_content(folder / "v.json"); }

  env::TemporaryDirectory directory;
  const std::filesystem::path path = directory / "app.db", folder = directory / "site";
  std::vector<Collection> collections;
  NoProgress progress;
};

constexpr const char* kFirst = R"({"a":{"id":"a","n":1},"b":{"id":"b","n":2}})";
constexpr const char* kSecond = R"({"a":{"id":"a","n":1},"b":{"id":"b","n":3}})";

TEST_F(ExportTest, WritesEveryFormatInTheOrderOfTheKeys) {
  const auto outcomes =
      run({target("v.json"), target("v.json.b64", ExportFormat::kObject, true),
           target("v.array", ExportFormat::kArray), target("v.jsonl", ExportFormat::kLines),
           target("v.csv", ExportFormat::kCsv)});
  for (const ExportOutcome& outcome : outcomes) {
    EXPECT_FALSE(outcome.failure);
    EXPECT_EQ(2u, outcome.records);
  }
  EXPECT_EQ(kFirst, content());
  EXPECT_EQ(kFirst, as_text(from_base64(file_content(folder / "v.json.b64"))));
  EXPECT_EQ(R"([{"id":"a","n":1},{"id":"b","n":2}])", file_content(folder / "v.array"));
  EXPECT_EQ("{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n", file_content(folder / "v.jsonl"));
  EXPECT_EQ("\"id\",\"n\"\r\n\"a\",1\r\n\"b\",2\r\n", file_content(folder / "v.csv"));
}

TEST_F(ExportTest, WritesAnEmptyCollectionAsOneAndNotAsNothing) {
  run_sql(path, "DELETE FROM video");
  run({target("v.json"), target("v.array", ExportFormat::kArray)});
  EXPECT_EQ("{}", content());
  EXPECT_EQ("[]", file_content(folder / "v.array"));
}

TEST_F(ExportTest, HasTheSameBytesInBase64WhateverTheLength) {
  for (const char* id : {"x", "xy", "xyz", "xyzt"}) {
    run_sql(path, fmt::format("UPDATE video SET id = '{}' WHERE n = 2", id));
    run({target("v.json"), target("v.json.b64", ExportFormat::kObject, true)});
    EXPECT_EQ(content(), as_text(from_base64(file_content(folder / "v.json.b64"))));
  }
}

TEST_F(ExportTest, IsWholeWhenItIsManyWindowsLong) {
  run_sql(path,
          "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 9000) "
          "INSERT INTO video SELECT printf('%05d %s', i, hex(zeroblob(700))), i FROM k");
  const auto outcomes =
      run({target("v.jsonl", ExportFormat::kLines), target("v.b64", ExportFormat::kLines, true)});
  ASSERT_FALSE(outcomes[0].failure);
  const std::string text = file_content(folder / "v.jsonl");
  EXPECT_EQ(outcomes[0].content.size, text.size());
  EXPECT_GT(text.size(), 8u << 20);
  EXPECT_EQ(9002, std::ranges::count(text, '\n'));
  EXPECT_EQ(text, as_text(from_base64(file_content(folder / "v.b64"))));
}

TEST_F(ExportTest, LeavesAFileAloneThatIsTheSameAlready) {
  run_one();
  const auto before = env::posix_file_system().status(folder / "v.json");
  const ExportOutcome again = run_one();
  EXPECT_TRUE(again.publication.unchanged);
  EXPECT_EQ(before->identity, env::posix_file_system().status(folder / "v.json")->identity);
}

TEST_F(ExportTest, ReplacesWhatItHasExportedItself) {
  run_one();
  run_sql(path, "UPDATE video SET n = 3 WHERE id = 'b'");
  EXPECT_TRUE(run_one().publication.kept.empty());
  EXPECT_EQ(kSecond, content());
  EXPECT_EQ((std::set<std::string>{"v.json", "v.json.manifest.json"}), names_in(folder));
}

TEST_F(ExportTest, KeepsAsideWhatSomebodyElseHasChanged) {
  run_one();
  for (const std::string damaged : {"", "{}", "{\"a\":"}) {
    write_content(folder / "v.json", damaged);
    const ExportOutcome outcome = run_one();
    EXPECT_EQ(FoundFile::kChanged, outcome.publication.found);
    EXPECT_EQ(damaged, file_content(outcome.publication.kept));
    EXPECT_EQ(kFirst, content());
  }
}

TEST_F(ExportTest, KeepsAsideAStrangersFile) {
  write_content(folder / "v.json", "{\"old\": 1}");
  const ExportOutcome outcome = run_one();
  EXPECT_EQ(FoundFile::kStranger, outcome.publication.found);
  EXPECT_EQ("{\"old\": 1}", file_content(outcome.publication.kept));
  EXPECT_EQ(kFirst, content());
}

TEST_F(ExportTest, TakesADamagedManifestForNone) {
  for (const char* manifest : {"", "{", "[]", "{\"holdfast_export\": 1}", "{\"content\": 1}"}) {
    run_one();
    write_content(folder / "v.json.manifest.json", manifest);
    EXPECT_TRUE(run_one().publication.unchanged) << manifest;
  }
}

TEST_F(ExportTest, SaysWhenAnExportWasDeleted) {
  run_one();
  std::filesystem::remove(folder / "v.json");
  EXPECT_EQ(FoundFile::kDeleted, run_one().publication.found);
  EXPECT_EQ(kFirst, content());
}

TEST_F(ExportTest, RefusesALinkAndLeavesWhatItLeadsTo) {
  write_content(directory / "precious", "precious");
  std::filesystem::create_symlink(directory / "precious", folder / "v.json");
  const ExportOutcome outcome = run_one();
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(ErrorCode::kUnsupported, outcome.failure->code());
  EXPECT_EQ("precious", file_content(directory / "precious"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "v.json"));
}

TEST_F(ExportTest, MakesNoFolderThatMayBeAMountThatIsAway) {
  const auto outcomes = run({target("gone/v.json"), target("v.json")});
  ASSERT_TRUE(outcomes[0].failure);
  EXPECT_EQ(ErrorCode::kNotFound, outcomes[0].failure->code());
  EXPECT_FALSE(outcomes[1].failure);
  EXPECT_EQ(kFirst, content());
}

TEST_F(ExportTest, KeepsTheModeOfTheFileItReplaces) {
  run_one();
  EXPECT_EQ(0644u, env::posix_file_system().status(folder / "v.json")->mode);
  env::posix_file_system().set_mode(folder / "v.json", 0640);
  run_sql(path, "UPDATE video SET n = 3 WHERE id = 'b'");
  run_one();
  EXPECT_EQ(kSecond, content());
  EXPECT_EQ(0640u, env::posix_file_system().status(folder / "v.json")->mode);
}

TEST_F(ExportTest, KeepsTheOldExportOnAFullOrReadOnlyDisk) {
  run_one();
  run_sql(path, "UPDATE video SET n = 3 WHERE id = 'b'");
  env::FaultFileSystem files(env::posix_file_system());
  const auto attempt = [&] {
    return run_exports(files, env::system_clock(), request({target("v.json")}), progress).at(0);
  };
  files.fill_disk(folder);
  EXPECT_EQ(ErrorCode::kDiskFull, attempt().failure->code());
  files.repair();
  files.make_read_only(folder);
  EXPECT_TRUE(attempt().failure);
  files.repair();
  files.inject({.verb = env::FaultFileSystem::Verb::kSync, .error_number = 5});
  EXPECT_EQ(ErrorCode::kIo, attempt().failure->code());
  EXPECT_EQ(kFirst, content());
  EXPECT_EQ((std::set<std::string>{"v.json", "v.json.manifest.json"}), names_in(folder));
  files.repair();
  EXPECT_FALSE(attempt().failure);
  EXPECT_EQ(kSecond, content());
}

TEST_F(ExportTest, NoticesADiskThatDoesNotGiveBackWhatItWasGiven) {
  run_one();
  run_sql(path, "UPDATE video SET n = 3 WHERE id = 'b'");
  env::FaultFileSystem files(env::posix_file_system());
  files.break_reading(folder);
  const auto outcome =
      run_exports(files, env::system_clock(), request({target("v.json")}), progress).at(0);
  EXPECT_TRUE(outcome.failure);
  EXPECT_EQ(kFirst, content());
}

TEST_F(ExportTest, FailsIfTwoRecordsHaveOneId) {
  run_sql(path, "CREATE TABLE twin (id TEXT, n INTEGER); INSERT INTO twin VALUES ('a',1),('a',2)");
  collections[0].table = "twin";
  collections[0].key = {"id"};
  const ExportOutcome outcome = run_one();
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(ErrorCode::kConfiguration, outcome.failure->code());
  EXPECT_EQ(std::set<std::string>{}, names_in(folder));
}

TEST_F(ExportTest, ShowsWhatWaitsInTheSpool) {
  const auto put = [](const char* json) {
    return Write{.id = "1",
                 .kind = WriteKind::kPut,
                 .collection = "video",
                 .record = parse_record_json(json),
                 .record_id = {}};
  };
  ExportRequest wanted = request({target("v.json")});
  wanted.pending = [&] {
    return std::vector<Write>{put(R"({"id": "c", "n": 9})"),
                              put(R"({"id": "b", "n": 5})"),
                              {.id = "2",
                               .kind = WriteKind::kDelete,
                               .collection = "video",
                               .record = {},
                               .record_id = "a"},
                              put(R"({"id": "c", "n": 7})")};
  };
  run_exports(env::posix_file_system(), env::system_clock(), wanted, progress);
  EXPECT_EQ(R"({"b":{"id":"b","n":5},"c":{"id":"c","n":7}})", content());
}

TEST_F(ExportTest, ChecksWithoutWriting) {
  const auto check = [&] {
    return check_exports(env::posix_file_system(), request({target("v.json")}), progress).at(0);
  };
  EXPECT_EQ(FoundFile::kNone, check().found.found);
  EXPECT_EQ(std::set<std::string>{}, names_in(folder));
  run_one();
  EXPECT_TRUE(check().current);
  run_sql(path, "UPDATE video SET n = 3 WHERE id = 'b'");
  EXPECT_FALSE(check().current);
  EXPECT_EQ(FoundFile::kOurs, check().found.found);
  // Of the same size and time: only reading tells.
  std::string damaged = content();
  damaged[5] ^= 1;
  const auto time = std::filesystem::last_write_time(folder / "v.json");
  write_content(folder / "v.json", damaged);
  std::filesystem::last_write_time(folder / "v.json", time);
  EXPECT_EQ(FoundFile::kChanged, check().found.found);
}

// Stops an export at every file operation; afterwards each target is the old or the new one, whole,
// and the next export takes it for its own.
TEST_F(ExportTest, IsTheOldOrTheNewOneWhereverItIsStopped) {
  using Effect = env::CrashFileSystem::Effect;
  run({target("v.json"), target("v.json.b64", ExportFormat::kObject, true)});
  const std::string old_base64 = file_content(folder / "v.json.b64");
  const std::filesystem::path saved = directory / "saved";
  std::filesystem::copy(folder, saved, std::filesystem::copy_options::recursive);
  run_sql(path, "UPDATE video SET n = 3 WHERE id = 'b'");
  std::set<std::string> seen;
  for (const Effect effect : {Effect::kNone, Effect::kPart, Effect::kWhole}) {
    bool stopped = true;
    for (std::uint64_t at = 1; stopped; ++at) {
      ASSERT_LT(at, 200u);
      std::filesystem::remove_all(folder);
      std::filesystem::copy(saved, folder, std::filesystem::copy_options::recursive);
      {
        env::CrashFileSystem files(folder);
        files.stop_at(at, effect);
        try {
          run_exports(
              files, env::system_clock(),
              request({target("v.json"), target("v.json.b64", ExportFormat::kObject, true)}),
              progress);
        } catch (const env::CrashError&) {
        }
        stopped = files.stopped();
        files.lose_unsynced(at);
      }
      ASSERT_TRUE(content() == kFirst || content() == kSecond) << at << ": " << content();
      const std::string base64 = file_content(folder / "v.json.b64");
      ASSERT_TRUE(base64 == old_base64 || as_text(from_base64(base64)) == kSecond) << at;
      seen.insert(content());
      for (const auto& outcome :
           run({target("v.json"), target("v.json.b64", ExportFormat::kObject, true)})) {
        ASSERT_FALSE(outcome.failure) << at << ": " << outcome.failure->happened();
        ASSERT_TRUE(outcome.publication.kept.empty()) << at;
        ASSERT_EQ(FoundFile::kOurs, outcome.publication.found) << at;
      }
      ASSERT_EQ(kSecond, content());
      for (const std::string& name : names_in(folder)) {
        ASSERT_FALSE(name.starts_with(".v.json.export-")) << at << ": " << name;
      }
    }
  }
  EXPECT_EQ(2u, seen.size());
}

TEST_F(ExportTest, EachFileOfAFolderIsTheOldOrTheNewOneWhereverItIsStopped) {
  using Effect = env::CrashFileSystem::Effect;
  const std::vector<ExportTarget> targets = {target("videos", ExportFormat::kFiles)};
  run(targets);
  const std::filesystem::path saved = directory / "saved", videos = folder / "videos";
  std::filesystem::copy(folder, saved, std::filesystem::copy_options::recursive);
  run_sql(path, "UPDATE video SET n = 3 WHERE id = 'b'; DELETE FROM video WHERE id = 'a'");
  for (const Effect effect : {Effect::kNone, Effect::kPart, Effect::kWhole}) {
    bool stopped = true;
    for (std::uint64_t at = 1; stopped; ++at) {
      ASSERT_LT(at, 200u);
      std::filesystem::remove_all(folder);
      std::filesystem::copy(saved, folder, std::filesystem::copy_options::recursive);
      {
        env::CrashFileSystem files(folder);
        files.stop_at(at, effect);
        try {
          run_exports(files, env::system_clock(), request(targets), progress);
        } catch (const env::CrashError&) {
        }
        stopped = files.stopped();
        files.lose_unsynced(at);
      }
      const std::string b = file_content(videos / "b.json");
      ASSERT_TRUE(b == "{\"id\":\"b\",\"n\":2}\n" || b == "{\"id\":\"b\",\"n\":3}\n") << at;
      const ExportOutcome outcome = run(targets).at(0);
      ASSERT_FALSE(outcome.failure) << at << ": " << outcome.failure->happened();
      ASSERT_TRUE(outcome.publication.kept.empty()) << at;
      ASSERT_EQ(0u, outcome.publication.surprises) << at;
      ASSERT_EQ("{\"id\":\"b\",\"n\":3}\n", file_content(videos / "b.json")) << at;
      ASSERT_EQ((std::set<std::string>{".holdfast-export", "b.json"}), names_in(videos)) << at;
    }
  }
}

TEST_F(ExportTest, NeverLosesAStrangersFileWhereverItIsStopped) {
  bool stopped = true;
  for (std::uint64_t at = 1; stopped; ++at) {
    ASSERT_LT(at, 200u);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    write_content(folder / "v.json", "theirs");
    {
      env::CrashFileSystem files(folder);
      files.stop_at(at);
      try {
        run_exports(files, env::system_clock(), request({target("v.json")}), progress);
      } catch (const env::CrashError&) {
      }
      stopped = files.stopped();
      files.lose_unsynced(at);
    }
    run_one();
    bool kept = false;
    for (const std::string& name : names_in(folder)) {
      kept = kept || file_content(folder / name) == "theirs";
    }
    ASSERT_TRUE(kept) << at;
    ASSERT_EQ(kFirst, content()) << at;
  }
}

}  // namespace
}  // namespace holdfast::engine
