#include "engine/records/record_writer.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cerrno>
#include <random>
#include <thread>

#include "engine/records/test_flaky_session.h"
#include "engine/records/test_records.h"
#include "env/fault_file_system.h"

namespace holdfast::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RecordWriterTest : public RecordsTest {
 protected:
  RecordWriterOptions options() {
    return {.files = files,
            .clock = clock,
            .open = [this]() -> std::unique_ptr<RowSession> {
              return std::make_unique<FlakySession>(
                  std::make_unique<sqlite::RowStore>(path, sqlite::RowStoreOptions{}), hooks);
            },
            .collections = collections,
            .spool = directory / "spool",
            .spool_limit = 1'000'000,
            .emergency = directory / "backups"};
  }
  WriteAnswer put(RecordWriter& writer, const std::string& json,
                  const std::string& collection = "videos") {
    return writer.write({nameless(put_of(collection, json))}).at(0);
  }
  // To be remembered with those that are written together with it.
  static Write nameless(Write write) {
    write.id.clear();
    return write;
  }
  std::string titles() {
    return sql("SELECT group_concat(video_id || title) FROM videos ORDER BY video_id");
  }
  static std::string video(const std::string& id, const std::string& title) {
    return R"({"video_id":")" + id + R"(","title":")" + title + "\"}";
  }
  // From now on every transaction fails with this.
  void break_database(ErrorCode code) {
    hooks.before = [code](std::string_view call) {
      if (call == "begin") throw Error(code, "the database is away");
    };
  }
  void repair_database() { hooks = {}; }

  env::FaultFileSystem files{env::posix_file_system()};
  env::FakeClock clock{now};
  FlakyHooks hooks;
};

TEST_F(RecordWriterTest, StoresWhatTheDatabaseTakes) {
  RecordWriter writer(options());
  const WriteAnswer answer = put(writer, video("a", "T"));
  EXPECT_EQ(answer.kept, Kept::kStored);
  EXPECT_EQ(answer.outcome.record_id, "a");
  EXPECT_EQ(titles(), "aT");
  EXPECT_FALSE(std::filesystem::exists(directory / "spool"));
}

TEST_F(RecordWriterTest, WaitsForABusyDatabaseAsLongAsItsPatienceAllows) {
  int failures = 5;
  hooks.before = [&](std::string_view call) {
    if (call == "begin" && failures-- > 0) throw Error(ErrorCode::kDatabaseBusy, "busy");
  };
  RecordWriter writer(options());
  EXPECT_EQ(put(writer, video("a", "T")).kept, Kept::kStored);
  EXPECT_GT(clock.now(), now);

  break_database(ErrorCode::kDatabaseBusy);
  const Time before = clock.now();
  EXPECT_EQ(put(writer, video("b", "T")).kept, Kept::kSpooled);
  EXPECT_LE(clock.now() - before, std::chrono::seconds(5));
  EXPECT_GE(clock.now() - before, std::chrono::seconds(4));
}

TEST_F(RecordWriterTest, SpoolsWhatIsOutOfReachAndBringsItInLaterInOrder) {
  RecordWriter writer(options());
  break_database(ErrorCode::kPermissionDenied);
  const WriteAnswer answer = put(writer, video("a", "1"));
  EXPECT_EQ(answer.kept, Kept::kSpooled);
  EXPECT_EQ(answer.outcome.record_id, "a");
  EXPECT_THAT(answer.why, HasSubstr("away"));
  EXPECT_EQ(put(writer, video("a", "2")).kept, Kept::kSpooled);
  EXPECT_EQ(put(writer, video("b", "3")).kept, Kept::kSpooled);
  EXPECT_EQ(writer.spool()->state().waiting, 3u);
  EXPECT_EQ(titles(), "");
  repair_database();
  // A new write waits behind those, so that the last one of a key wins.
  EXPECT_EQ(put(writer, video("b", "4")).kept, Kept::kStored);
  EXPECT_EQ(titles(), "a2,b4");
  EXPECT_TRUE(writer.spool()->state().empty());
}

TEST_F(RecordWriterTest, IsRightWhenTheConnectionIsLostAfterTheCommit) {
  bool lost = false;
  hooks.after = [&](std::string_view call) {
    if (call == "commit" && !std::exchange(lost, true)) throw Error(ErrorCode::kIo, "lost");
  };
  RecordWriter writer(options());
  const WriteAnswer answer = put(writer, R"({"body":"x"})", "notes");
  EXPECT_EQ(answer.kept, Kept::kStored);
  EXPECT_EQ(answer.outcome.record_id, "1");
  EXPECT_EQ(sql("SELECT count(*) FROM notes"), "1");
}

TEST_F(RecordWriterTest, DoesNotDoubleWhatWasCommittedAndSpooledToo) {
  hooks.after = [&](std::string_view call) {
    if (call == "commit") throw Error(ErrorCode::kPermissionDenied, "lost");
  };
  RecordWriter writer(options());
  EXPECT_EQ(put(writer, R"({"body":"x"})", "notes").kept, Kept::kSpooled);
  repair_database();
  EXPECT_EQ(writer.drain().away, "");
  EXPECT_EQ(sql("SELECT count(*) FROM notes"), "1");
}

TEST_F(RecordWriterTest, DoesOnceEachOfThoseThatWereCommittedTogetherAndSpooledToo) {
  int commits = 0;
  hooks.after = [&](std::string_view call) {
    if (call == "commit" && ++commits == 1) throw Error(ErrorCode::kPermissionDenied, "lost");
  };
  sql("ALTER TABLE tags RENAME TO gone");
  RecordWriter writer(options());
  const auto note = [&] { return nameless(put_of("notes", R"({"body":"x"})")); };
  // The second one will be stored when its table is back, the third one never.
  const auto answers = writer.write({note(), nameless(put_of("videos", video("a", "T"))),
                                     nameless(put_of("notes", R"({"none":1})")), note()});
  EXPECT_EQ(answers[0].kept, Kept::kSpooled);
  EXPECT_EQ(answers[1].kept, Kept::kSpooled);
  EXPECT_EQ(answers[3].kept, Kept::kSpooled);
  sql("ALTER TABLE gone RENAME TO tags");
  const DrainReport report = writer.drain();
  EXPECT_EQ(report.away, "");
  EXPECT_EQ(report.stored, 1u);
  EXPECT_EQ(report.rejected, 1u);
  EXPECT_EQ(titles(), "aT");
  EXPECT_EQ(sql("SELECT count(*) FROM notes"), "2");
}

TEST_F(RecordWriterTest, RemembersTheLastOfThemAloneWhereAllIsWell) {
  RecordWriter writer(options());
  for (const char* id : {"a", "b", "c"}) put(writer, video(id, "T"));
  EXPECT_EQ(sql("SELECT count(*) FROM _holdfast_writes"), "1");
}

TEST_F(RecordWriterTest, AnswersWhatIsSubmittedInTheOrderInWhichItCame) {
  std::vector<std::string> done;  // by one thread
  {
    RecordWriter writer(options());
    std::atomic<int> left = 50;
    for (int i = 0; i < 50; ++i) {
      std::vector<SubmittedWrite> one;
      one.push_back({.write = nameless(put_of("videos", video("a", std::to_string(i)))),
                     .done = [&, i](const WriteAnswer& answer) {
                       EXPECT_EQ(answer.kept, Kept::kStored);
                       EXPECT_EQ(answer.outcome.created, i == 0);
                       done.push_back(std::to_string(i));
                       if (--left == 0) left.notify_one();
                     }});
      writer.submit(std::move(one));
    }
    for (int now_left = left; now_left != 0; now_left = left) left.wait(now_left);
    // Others who wait for their answer are in their midst.
    EXPECT_EQ(put(writer, video("b", "T")).kept, Kept::kStored);
  }
  ASSERT_EQ(done.size(), 50u);
  for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i], std::to_string(i));
  EXPECT_EQ(titles(), "a49,bT");
}

TEST_F(RecordWriterTest, DoesWhatWasSubmittedInTheThreadThatCouldStepAside) {
  RecordWriter writer(options());
  const auto submit = [&](const std::string& id, std::function<void()> done, bool steps_aside) {
    std::vector<SubmittedWrite> one;
    one.push_back({.write = nameless(put_of("videos", video(id, "T"))),
                   .done = [done = std::move(done)](const WriteAnswer& answer) {
                     EXPECT_EQ(answer.kept, Kept::kStored);
                     done();
                   }});
    writer.submit(std::move(one), [steps_aside] { return steps_aside; });
  };
  std::atomic<int> left = 2;
  const auto done = [&] {
    if (--left == 0) left.notify_one();
  };
  // What comes while the first one is written is done by another thread.
  bool is_first_commit = true;
  hooks.before = [&](std::string_view call) {
    if (call == "commit" && std::exchange(is_first_commit, false)) submit("b", done, true);
  };
  std::thread::id by;
  submit(
      "a",
      [&] {
        by = std::this_thread::get_id();
        done();
      },
      true);
  EXPECT_EQ(by, std::this_thread::get_id());
  for (int now_left = left; now_left != 0; now_left = left) left.wait(now_left);
  left = 1;
  submit(
      "c",
      [&] {
        by = std::this_thread::get_id();
        done();
      },
      false);
  for (int now_left = left; now_left != 0; now_left = left) left.wait(now_left);
  EXPECT_NE(by, std::this_thread::get_id());
  EXPECT_EQ(titles(), "aT,bT,cT");
}

TEST_F(RecordWriterTest, DoesWhatWasSubmittedBeforeItEnds) {
  std::atomic<int> stored = 0;
  {
    RecordWriter writer(options());
    std::vector<SubmittedWrite> writes;
    for (int i = 0; i < 20; ++i) {
      writes.push_back({.write = nameless(put_of("videos", video(std::to_string(i), "T"))),
                        .done = [&](const WriteAnswer& answer) {
                          if (answer.kept == Kept::kStored) ++stored;
                        }});
    }
    writes.push_back({.write = nameless(put_of("videos", R"({"video_id":"bad"})")),
                      .done = [&](const WriteAnswer& answer) {
                        EXPECT_EQ(answer.outcome.refused->code(), ErrorCode::kRecordRejected);
                      }});
    writer.submit(std::move(writes));
  }
  EXPECT_EQ(stored, 20);
  EXPECT_EQ(sql("SELECT count(*) FROM videos"), "20");
}

TEST_F(RecordWriterTest, LetsNoOtherCollectionWaitForAMissingTable) {
  RecordWriter writer(options());
  sql("ALTER TABLE tags RENAME TO gone");
  EXPECT_EQ(put(writer, video("a", "T")).kept, Kept::kSpooled);
  EXPECT_EQ(put(writer, R"({"body":"x"})", "notes").kept, Kept::kStored);
  sql("ALTER TABLE gone RENAME TO tags");
  EXPECT_EQ(writer.drain().stored, 1u);
  EXPECT_EQ(titles(), "aT");
}

TEST_F(RecordWriterTest, NeverSpoolsWhatBreaksAConstraint) {
  RecordWriter writer(options());
  const WriteAnswer answer = put(writer, R"({"video_id":"a"})");
  EXPECT_EQ(answer.kept, Kept::kRefused);
  EXPECT_EQ(answer.outcome.refused->code(), ErrorCode::kRecordRejected);
  EXPECT_FALSE(std::filesystem::exists(directory / "spool"));
}

TEST_F(RecordWriterTest, KeepsWhatADrainCannotBringInWithTheReason) {
  RecordWriter writer(options());
  put(writer, video("gone", "T"));
  writer.write({delete_of("videos", "gone")});
  break_database(ErrorCode::kPermissionDenied);
  put(writer, R"({"video_id":"a"})");
  put(writer, video("gone", "again"));
  put(writer, video("b", "T"));
  repair_database();
  const DrainReport report = writer.drain();
  EXPECT_EQ(report.stored, 1u);
  EXPECT_EQ(report.rejected, 2u);
  EXPECT_EQ(titles(), "bT");
  EXPECT_EQ(writer.spool()->state().rejected, 2u);
  EXPECT_EQ(writer.spool()->state().waiting, 0u);
}

TEST_F(RecordWriterTest, LeavesATombstoneForADeleteThatHadToWait) {
  RecordWriter writer(options());
  break_database(ErrorCode::kPermissionDenied);
  EXPECT_EQ(writer.write({delete_of("videos", "a")}).at(0).kept, Kept::kSpooled);
  repair_database();
  EXPECT_EQ(put(writer, video("a", "T")).outcome.refused->code(), ErrorCode::kRecordDeleted);
}

TEST_F(RecordWriterTest, WritesAnEmergencyCopyWhereTheSpoolFails) {
  RecordWriter writer(options());
  break_database(ErrorCode::kPermissionDenied);
  files.fill_disk(directory / "spool");
  const WriteAnswer first = put(writer, video("a", "1"));
  const WriteAnswer second = put(writer, video("a", "2"));
  EXPECT_EQ(first.kept, Kept::kEmergency);
  EXPECT_EQ(first.emergency_file, directory / "backups/EMERGENCY_SAVE_20261121_000000.json.b64");
  EXPECT_NE(first.emergency_file, second.emergency_file);
  const auto content = env::read_file(files, first.emergency_file);
  const Bytes json = from_base64(as_text(content));
  EXPECT_EQ(as_text(json), R"({"a":{"title":"1","video_id":"a"}})");
}

TEST_F(RecordWriterTest, WritesAnEmergencyCopyWhereTheSpoolIsFull) {
  RecordWriterOptions small = options();
  small.spool_limit = 300;
  RecordWriter writer(std::move(small));
  break_database(ErrorCode::kPermissionDenied);
  EXPECT_EQ(put(writer, video("a", "1")).kept, Kept::kSpooled);
  const WriteAnswer answer = put(writer, video("b", "1"));
  EXPECT_EQ(answer.kept, Kept::kEmergency);
  EXPECT_THAT(answer.why, HasSubstr("300 B"));
}

TEST_F(RecordWriterTest, LosesNoVersionOfOneRecordInEmergencyCopies) {
  RecordWriter writer(options());
  break_database(ErrorCode::kPermissionDenied);
  files.fill_disk(directory / "spool");
  const auto answers =
      writer.write({put_of("videos", video("a", "1")), put_of("videos", video("b", "1")),
                    put_of("videos", video("a", "2"))});
  EXPECT_EQ(answers[0].emergency_file, answers[1].emergency_file);
  EXPECT_NE(answers[0].emergency_file, answers[2].emergency_file);
}

TEST_F(RecordWriterTest, SaysSoWhereTheRecordIsNowhere) {
  RecordWriter writer(options());
  break_database(ErrorCode::kPermissionDenied);
  files.fill_disk(directory.path());
  const WriteAnswer answer = put(writer, video("a", "1"));
  EXPECT_EQ(answer.kept, Kept::kRefused);
  EXPECT_EQ(answer.outcome.refused->code(), ErrorCode::kRecordNotKept);
  EXPECT_THAT(answer.outcome.refused->happened(), HasSubstr("the database is away; spool: "));
  EXPECT_THAT(answer.outcome.refused->happened(), HasSubstr("emergency copy: "));
}

TEST_F(RecordWriterTest, DoesNotGoPastASpoolThatCannotBeRead) {
  RecordWriter writer(options());
  break_database(ErrorCode::kPermissionDenied);
  put(writer, video("a", "1"));
  repair_database();
  files.break_reading(directory / "spool");
  EXPECT_EQ(put(writer, video("a", "2")).kept, Kept::kSpooled);
  files.repair();
  EXPECT_EQ(writer.drain().stored, 2u);
  EXPECT_EQ(titles(), "a2");
}

TEST_F(RecordWriterTest, SetsADamagedSpoolFileAsideAndTakesWhatIsIntact) {
  RecordWriter writer(options());
  break_database(ErrorCode::kPermissionDenied);
  writer.write({put_of("videos", video("a", "1")), put_of("videos", video("b", "1"))});
  const auto file = directory / "spool" / writer.spool()->segments().at(0).name;
  std::string content = sqlite::file_content(file);
  content[content.size() - 5] ^= 1;
  sqlite::write_content(file, content);
  repair_database();
  EXPECT_EQ(writer.drain().stored, 1u);
  EXPECT_EQ(titles(), "a1");
  EXPECT_EQ(writer.spool()->state().damaged, 1u);
}

TEST_F(RecordWriterTest, TakesOverASpoolFromAnotherMachine) {
  {
    RecordWriter writer(options());
    break_database(ErrorCode::kPermissionDenied);
    put(writer, video("a", "1"));
  }
  std::filesystem::rename(directory / "spool", directory / "moved");
  repair_database();
  RecordWriterOptions other = options();
  other.spool = directory / "moved";
  RecordWriter writer(std::move(other));
  EXPECT_EQ(writer.drain().stored, 1u);
  EXPECT_EQ(titles(), "a1");
}

TEST_F(RecordWriterTest, CommitsTheWritesOfConcurrentWritersTogether) {
  std::atomic<int> commits = 0, ready = 0;
  hooks.before = [&](std::string_view call) {
    if (call == "commit") ++commits;
  };
  RecordWriter writer(options());
  constexpr int kThreads = 8, kEach = 50;
  std::atomic<int> stored = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (++ready; ready < kThreads;) std::this_thread::yield();
        for (int i = 0; i < kEach; ++i) {
          const std::string id = std::to_string(t) + "." + std::to_string(i);
          if (put(writer, video(id, "T")).kept == Kept::kStored) ++stored;
        }
      });
    }
  }
  EXPECT_EQ(stored, kThreads * kEach);
  EXPECT_EQ(sql("SELECT count(*) FROM videos"), std::to_string(kThreads * kEach));
  EXPECT_LT(commits, kThreads * kEach);
}

TEST_F(RecordWriterTest, KeepsWhatItAcknowledgesWhateverFails) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  const ErrorCode codes[] = {ErrorCode::kDatabaseBusy, ErrorCode::kIo, ErrorCode::kDiskFull,
                             ErrorCode::kPermissionDenied};
  const auto fail = [&](std::string_view) {
    if (one_in(40)) throw Error(codes[random() % 4], "injected");
  };
  hooks = {.before = fail, .after = fail};
  std::map<std::string, std::string> last;
  std::uint64_t notes = 0;
  for (int round = 0; round < 30; ++round) {
    RecordWriter writer(options());
    if (one_in(3)) break_database(ErrorCode::kIo);
    for (int i = 0; i < 20; ++i) {
      const std::string id = std::to_string(random() % 10);
      const std::string title = std::to_string(round) + "." + std::to_string(i);
      const auto answers = writer.write({nameless(put_of("videos", video(id, title))),
                                         one_in(2) ? nameless(put_of("notes", R"({"body":"x"})"))
                                                   : put_of("notes", R"({"body":"x"})")});
      ASSERT_TRUE(answers[0].kept == Kept::kStored || answers[0].kept == Kept::kSpooled);
      ASSERT_TRUE(answers[1].kept == Kept::kStored || answers[1].kept == Kept::kSpooled);
      last[id] = title;
      ++notes;
    }
    hooks = {.before = fail, .after = fail};
  }
  repair_database();
  RecordWriter writer(options());
  EXPECT_EQ(writer.drain().away, "");
  for (const auto& [id, title] : last) {
    EXPECT_EQ(sql("SELECT title FROM videos WHERE video_id = '" + id + "'"), title) << id;
  }
  EXPECT_EQ(sql("SELECT count(*) FROM notes"), std::to_string(notes));
}

}  // namespace
}  // namespace holdfast::engine
