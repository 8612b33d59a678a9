#include "engine/exports/record_folder.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <set>

#include "base/error.h"
#include "engine/exports/record_file_name.h"
#include "env/fault_file_system.h"
#include "env/temporary_directory.h"
#include "sqlite/test_database.h"

namespace holdfast::engine {
namespace {

using sqlite::file_content;
using sqlite::names_in;
using sqlite::write_content;
using testing::ElementsAre;
using testing::StartsWith;

constexpr const char* kTwo = "\"a\"\t{\"n\":1}\n\"b\"\t{\"n\":2}\n";

class RecordFolderTest : public testing::Test {
 protected:
  RecordFolder::Result run(std::string_view lines,
                           env::FileSystem& files = env::posix_file_system()) {
    RecordFolder records(files, folder, 0644, RecordFolder::Purpose::kExport);
    records.add(lines);
    return records.publish(now);
  }
  RecordFolder::Look look(std::string_view lines) {
    RecordFolder records(env::posix_file_system(), folder, 0644, RecordFolder::Purpose::kCheck);
    records.add(lines);
    return records.look();
  }
  std::string content(const std::string& name) { return file_content(folder / name); }

  env::TemporaryDirectory directory;
  const std::filesystem::path folder = directory / "videos";
  const Time now{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};
};

TEST(RecordFileName, IsSafeAndTellsIdsApart) {
  EXPECT_EQ(record_file_name("dQw4w9WgXcQ"), "dQw4w9WgXcQ.json");
  EXPECT_EQ(record_file_name("-a.b-"), "=2Da.b-.json");
  EXPECT_EQ(record_file_name(".."), "=2E..json");
  EXPECT_EQ(record_file_name("../a b"), "=2E.=2Fa=20b.json");
  EXPECT_EQ(record_file_name("=2F"), "=3D2F.json");
  EXPECT_EQ(record_file_name(""), "=.json");
  EXPECT_EQ(record_file_name(std::string("\0ü", 3)), "=00=C3=BC.json");
  const std::string a = record_file_name(std::string(5000, '/'));
  const std::string b = record_file_name(std::string(5001, '/'));
  EXPECT_NE(a, b);
  EXPECT_LE(a.size(), 220u);
  EXPECT_EQ(record_file_name("."), "=2E.json");
  EXPECT_EQ(record_file_name("a\nb\tc\\"), "a=0Ab=09c=5C.json");
  EXPECT_EQ(record_file_name(".holdfast-export"), "=2Eholdfast-export.json");
}

TEST_F(RecordFolderTest, HoldsAFileForEachRecordAndTouchesNoneThatIsTheSame) {
  EXPECT_FALSE(run(kTwo).publication.unchanged);
  EXPECT_EQ(content("a.json"), "{\"n\":1}\n");
  const auto before = env::posix_file_system().status(folder / "a.json")->identity;
  const auto result = run("\"a\"\t{\"n\":1}\n\"b\"\t{\"n\":3}\n");
  EXPECT_FALSE(result.publication.unchanged);
  EXPECT_EQ(result.publication.surprises, 0u);
  EXPECT_EQ(content("b.json"), "{\"n\":3}\n");
  EXPECT_EQ(env::posix_file_system().status(folder / "a.json")->identity, before);
  EXPECT_TRUE(run("\"a\"\t{\"n\":1}\n\"b\"\t{\"n\":3}\n").publication.unchanged);
}

TEST_F(RecordFolderTest, RemovesTheFilesOfRemovedRecordsAndNoOthers) {
  run(kTwo);
  write_content(folder / "index.html", "theirs");
  const auto result = run("\"b\"\t{\"n\":2}\n");
  EXPECT_EQ(result.publication.surprises, 0u);
  EXPECT_THAT(names_in(folder), ElementsAre(".holdfast-export", "b.json", "index.html"));
  EXPECT_TRUE(run("\"b\"\t{\"n\":2}\n").publication.unchanged);
  run(kTwo);
  EXPECT_EQ(content("a.json"), "{\"n\":1}\n");
}

TEST_F(RecordFolderTest, KeepsAsideWhatSomebodyElseHasWritten) {
  std::filesystem::create_directory(folder);
  write_content(folder / "a.json", "a stranger's");
  auto result = run(kTwo);
  EXPECT_EQ(result.publication.found, FoundFile::kStranger);
  EXPECT_EQ(file_content(result.publication.kept), "a stranger's");
  write_content(folder / "a.json", "changed");
  write_content(folder / "b.json", "changed, too");
  result = run("\"a\"\t{\"n\":1}\n");  // and b is gone
  EXPECT_EQ(result.publication.found, FoundFile::kChanged);
  EXPECT_EQ(result.publication.surprises, 2u);
  EXPECT_EQ(content("a.json"), "{\"n\":1}\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "b.json"));
  EXPECT_THAT(names_in(folder), testing::Contains(StartsWith("b.json.kept-20261121_000000")));
}

TEST_F(RecordFolderTest, NeverFollowsALink) {
  run(kTwo);
  write_content(directory / "elsewhere", "{\"n\":1}\n");
  std::filesystem::remove(folder / "a.json");
  std::filesystem::create_symlink(directory / "elsewhere", folder / "a.json");
  const auto result = run("\"a\"\t{\"n\":5}\n\"b\"\t{\"n\":2}\n");
  EXPECT_TRUE(std::filesystem::is_symlink(result.publication.kept));
  EXPECT_EQ(file_content(directory / "elsewhere"), "{\"n\":1}\n");
  EXPECT_EQ(content("a.json"), "{\"n\":5}\n");
}

TEST_F(RecordFolderTest, NeverWritesThroughALinkOfItsOwnNames) {
  run(kTwo);
  write_content(directory / "elsewhere", "theirs");
  std::filesystem::remove(folder / ".holdfast-export");
  std::filesystem::create_symlink(directory / "elsewhere", folder / ".holdfast-export");
  std::filesystem::create_symlink(directory / "elsewhere", folder / ".new-0");
  run("\"a\"\t{\"n\":5}\n");
  EXPECT_EQ(file_content(directory / "elsewhere"), "theirs");
  EXPECT_FALSE(std::filesystem::is_symlink(folder / ".holdfast-export"));
}

TEST_F(RecordFolderTest, KeepsAFolderInTheWayAside) {
  run(kTwo);
  std::filesystem::remove(folder / "a.json");
  std::filesystem::create_directory(folder / "a.json");
  write_content(folder / "a.json" / "x", "theirs");
  const auto result = run(kTwo);
  EXPECT_EQ(file_content(result.publication.kept / "x"), "theirs");
  EXPECT_EQ(content("a.json"), "{\"n\":1}\n");
}

TEST_F(RecordFolderTest, GivesIdsThatDifferInCaseNamesThatDifferOtherwise) {
  constexpr const char* kAlike = "\"A\"\t{\"n\":1}\n\"a\"\t{\"n\":2}\n\"B\"\t{\"n\":3}\n";
  run(kAlike);
  const std::string other = record_file_name("a", true);
  EXPECT_EQ(content("A.json"), "{\"n\":1}\n");
  EXPECT_EQ(content(other), "{\"n\":2}\n");
  std::set<std::string> folded;
  for (const std::string& name : names_in(folder)) folded.insert(without_case(name));
  EXPECT_EQ(folded.size(), 4u);
  EXPECT_TRUE(run(kAlike).publication.unchanged);
  const auto result = run("\"a\"\t{\"n\":2}\n");
  EXPECT_EQ(result.publication.surprises, 0u);
  EXPECT_THAT(names_in(folder), ElementsAre(".holdfast-export", "a.json"));
}

TEST_F(RecordFolderTest, RefusesOneIdThatComesTwiceAmongAlikeOnes) {
  EXPECT_THROW(run("\"A\"\t{}\n\"a\"\t{}\n\"a\"\t{}\n"), Error);
}

TEST_F(RecordFolderTest, HoldsIdsThatAreHostileToAFileSystem) {
  const std::string deep(100'000, '/');
  run("\"..\"\t1\n\"../../x\"\t2\n\"\"\t3\n\"\\u0000\"\t4\n\"" + deep +
      "\"\t5\n\"/etc/passwd\"\t6\n");
  EXPECT_EQ(content("=2E..json"), "1\n");
  EXPECT_EQ(content("=2E.=2F..=2Fx.json"), "2\n");
  EXPECT_EQ(content("=.json"), "3\n");
  EXPECT_EQ(content("=00.json"), "4\n");
  EXPECT_EQ(content(record_file_name(deep)), "5\n");
  EXPECT_EQ(content("=2Fetc=2Fpasswd.json"), "6\n");
  EXPECT_EQ(names_in(folder).size(), 7u);
  EXPECT_THAT(names_in(directory.path()), ElementsAre("videos"));
}

TEST_F(RecordFolderTest, BringsBackWhatWasDeletedAndSaysSo) {
  run(kTwo);
  std::filesystem::remove(folder / "a.json");
  EXPECT_EQ(look(kTwo).found, FoundFile::kDeleted);
  EXPECT_EQ(run(kTwo).publication.found, FoundFile::kDeleted);
  EXPECT_EQ(content("a.json"), "{\"n\":1}\n");
}

TEST_F(RecordFolderTest, TellsWhetherItIsCurrent) {
  EXPECT_EQ(look(kTwo).found, FoundFile::kNone);
  EXPECT_FALSE(std::filesystem::exists(folder));
  run(kTwo);
  EXPECT_TRUE(look(kTwo).current);
  EXPECT_FALSE(look("\"a\"\t{\"n\":1}\n").current);
  const auto outdated = look("\"a\"\t{\"n\":1}\n\"b\"\t{\"n\":3}\n");
  EXPECT_FALSE(outdated.current);
  EXPECT_EQ(outdated.found, FoundFile::kOurs);
  const auto status = env::posix_file_system().status(folder / "b.json");
  write_content(folder / "b.json", "{\"n\":9}\n");
  env::posix_file_system().set_modified(folder / "b.json", status->modified);
  EXPECT_EQ(look(kTwo).found, FoundFile::kChanged);
}

TEST_F(RecordFolderTest, TakesADamagedListingForNone) {
  run(kTwo);
  std::string listing = content(".holdfast-export");
  listing[listing.size() / 2] ^= 1;
  write_content(folder / ".holdfast-export", listing);
  const auto result = run("\"a\"\t{\"n\":1}\n\"b\"\t{\"n\":3}\n");
  EXPECT_EQ(result.publication.found, FoundFile::kStranger);
  EXPECT_EQ(file_content(result.publication.kept), "{\"n\":2}\n");
  EXPECT_EQ(content("b.json"), "{\"n\":3}\n");
}

TEST_F(RecordFolderTest, RefusesTwoRecordsOfOneId) {
  try {
    run("\"a\"\t{}\n\"a\"\t{}\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
  }
}

TEST_F(RecordFolderTest, IsTheOldOrTheNewFileWhereverItIsStopped) {
  constexpr const char* kNext = "\"a\"\t{\"n\":7}\n\"c\"\t{\"n\":3}\n";
  using Verb = env::FaultFileSystem::Verb;
  for (const Verb verb : {Verb::kWrite, Verb::kSync, Verb::kName}) {
    bool done = false;
    for (std::uint64_t number = 0; !done; ++number) {
      std::filesystem::remove_all(folder);
      run(kTwo);
      env::FaultFileSystem files(env::posix_file_system());
      files.inject({.verb = verb, .error_number = EIO, .skip = number});
      done = true;
      try {
        run(kNext, files);
      } catch (const Error&) {
        done = false;
      }
      const std::string a = content("a.json");
      EXPECT_TRUE(a == "{\"n\":1}\n" || a == "{\"n\":7}\n") << a;
      const auto result = run(kNext);
      EXPECT_EQ(result.publication.surprises, 0u) << "stopped at call " << number;
      EXPECT_EQ(content("a.json"), "{\"n\":7}\n");
      EXPECT_EQ(content("c.json"), "{\"n\":3}\n");
      EXPECT_THAT(names_in(folder), ElementsAre(".holdfast-export", "a.json", "c.json"));
    }
  }
}

}  // namespace
}  // namespace holdfast::engine
