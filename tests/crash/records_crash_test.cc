// The process ends at every operation on the spool's files and at every call of the database, and
// what was not synced is lost: what was acknowledged must be in the database once, in order.
//
// HOLDFAST_CRASH="files:<operation>:<effect number>:<seed>" or "calls:<call>:<before|after>"
// repeats one run.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "engine/records/record_writer.h"
#include "engine/records/test_flaky_session.h"
#include "engine/records/test_records.h"
#include "env/crash_file_system.h"

namespace holdfast::engine {
namespace {

using Effect = env::CrashFileSystem::Effect;

// What the caller was told, and what it had asked for when nobody answered any more.
struct Memory {
  std::map<std::string, std::string> title;                // acknowledged, of each video
  std::map<std::string, std::set<std::string>> may_be;     // or one of these
  std::set<std::string> notes, maybe_notes;                // bodies
  std::set<std::string> deleted, maybe_deleted;            // videos
  std::map<std::string, std::filesystem::path> emergency;  // title of the video in the file
};

class Site {
 public:
  Site() {
    std::filesystem::create_directory(root());
    sqlite::run_sql(database(), kTestSchema);
    sqlite::run_sql(database(), "INSERT INTO videos (video_id, title) VALUES ('old', 'old')");
  }
  std::filesystem::path root() const { return directory_ / "root"; }
  std::filesystem::path database() const { return directory_ / "app.db"; }
  std::string sql(const std::string& text) { return sqlite::run_sql(database(), text); }

  RecordWriterOptions options(env::FileSystem& files, std::uint64_t spool_limit = 1'000'000) {
    return {.files = files,
            .clock = clock_,
            .open = [this]() -> std::unique_ptr<RowSession> {
              return std::make_unique<FlakySession>(
                  std::make_unique<sqlite::RowStore>(database(), sqlite::RowStoreOptions{}), hooks);
            },
            .collections = test_collections(),
            .spool = root() / "spool",
            .spool_limit = spool_limit,
            .emergency = root() / "backups",
            .patience = std::chrono::milliseconds(0)};
  }

  Memory memory;
  FlakyHooks hooks;
  bool away = false;

 private:
  env::TemporaryDirectory directory_;
  env::FakeClock clock_{Time(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21))};
};

bool is_kept(const WriteAnswer& answer) {
  return answer.kept == Kept::kStored || answer.kept == Kept::kSpooled;
}

void put_video(Site& site, RecordWriter& writer, const std::string& id, const std::string& title) {
  site.memory.may_be[id].insert(title);
  const auto answer = writer.write(
      {put_of("videos", fmt::format(R"({{"video_id":"{}","title":"{}"}})", id, title))})[0];
  if (answer.kept == Kept::kEmergency) site.memory.emergency[title] = answer.emergency_file;
  if (!is_kept(answer)) return;
  site.memory.title[id] = title;
  site.memory.may_be[id].clear();
}

void put_notes(Site& site, RecordWriter& writer, const std::vector<std::string>& bodies) {
  std::vector<Write> writes;
  for (const std::string& body : bodies) {
    site.memory.maybe_notes.insert(body);
    writes.push_back(put_of("notes", fmt::format(R"({{"body":"{}"}})", body)));
  }
  const auto answers = writer.write(writes);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    if (is_kept(answers[i])) site.memory.notes.insert(bodies[i]);
  }
}

void delete_video(Site& site, RecordWriter& writer, const std::string& id) {
  site.memory.maybe_deleted.insert(id);
  if (is_kept(writer.write({delete_of("videos", id)})[0])) site.memory.deleted.insert(id);
}

// Puts while the database is away, its return in the midst of them, and a drain by another process.
void live(Site& site, env::FileSystem& files) {
  {
    RecordWriter writer(site.options(files));
    put_video(site, writer, "direct", "1");
    site.away = true;
    put_video(site, writer, "a", "1");
    put_notes(site, writer, {"x", "y"});
    put_video(site, writer, "a", "2");
    delete_video(site, writer, "old");
    site.away = false;
    put_video(site, writer, "a", "3");
    site.away = true;
    put_notes(site, writer, {"z"});
    put_video(site, writer, "b", "1");
  }
  site.away = false;
  RecordWriter writer(site.options(files));
  writer.drain();
  put_video(site, writer, "b", "2");
}

void check(Site& site) {
  site.hooks = {};
  site.away = false;
  Memory& memory = site.memory;
  for (int again = 0; again < 2; ++again) {  // a drain after the drain must change nothing
    RecordWriter writer(site.options(env::posix_file_system()));
    EXPECT_EQ(writer.drain().away, "");
    EXPECT_EQ(writer.spool()->state().waiting, 0u);
    EXPECT_EQ(writer.spool()->state().damaged, 0u);
    EXPECT_EQ(writer.spool()->state().rejected, 0u);
  }
  for (const auto& [id, may_be] : memory.may_be) {
    const std::string found =
        site.sql(fmt::format("SELECT title FROM videos WHERE video_id = '{}'", id));
    EXPECT_TRUE(found == memory.title[id] || may_be.contains(found))
        << id << " is \"" << found << "\", acknowledged was \"" << memory.title[id] << '"';
  }
  if (site.sql("SELECT name FROM sqlite_schema WHERE name = 'notes'") == "notes") {
    for (const std::string& body : memory.maybe_notes) {
      const std::string count =
          site.sql(fmt::format("SELECT count(*) FROM notes WHERE body = '{}'", body));
      EXPECT_TRUE(count == "1" || (count == "0" && !memory.notes.contains(body)))
          << body << " is there " << count << " times";
    }
  } else {
    EXPECT_TRUE(memory.notes.empty());
  }
  for (const std::string& id : memory.deleted) {
    EXPECT_EQ(site.sql(fmt::format("SELECT count(*) FROM videos WHERE video_id = '{}'", id)), "0");
    RecordWriter writer(site.options(env::posix_file_system()));
    const auto answer = writer.write(
        {put_of("videos", fmt::format(R"({{"video_id":"{}","title":"back"}})", id))})[0];
    ASSERT_TRUE(answer.outcome.refused);
    EXPECT_EQ(answer.outcome.refused->code(), ErrorCode::kRecordDeleted);
  }
  for (const auto& [title, file] : memory.emergency) {
    const Bytes content = env::read_file(env::posix_file_system(), file);
    const Bytes json = from_base64(as_text(content));
    EXPECT_NE(as_text(json).find(title), std::string_view::npos) << file;
  }
}

void fail_while_away(Site& site) {
  site.hooks.before = [&site](std::string_view call) {
    if (site.away && call == "begin") throw Error(ErrorCode::kPermissionDenied, "away");
  };
}

using Life = std::function<void(Site&, env::FileSystem&)>;

// False when there are fewer operations than that.
bool crash_in_files(const Life& life, std::uint64_t operation, Effect effect, std::uint64_t seed) {
  Site site;
  fail_while_away(site);
  std::string where;
  {
    env::CrashFileSystem files(site.root());
    files.stop_at(operation, effect);
    try {
      life(site, files);
    } catch (const env::CrashError&) {
    }
    if (!files.stopped()) return false;
    where = files.description(operation);
    files.lose_unsynced(seed);
  }
  SCOPED_TRACE(fmt::format("HOLDFAST_CRASH=files:{}:{}:{} ({})", operation,
                           static_cast<int>(effect), seed, where));
  check(site);
  return !testing::Test::HasFailure();
}

bool crash_in_calls(const Life& life, std::uint64_t stop, bool after) {
  Site site;
  fail_while_away(site);
  std::uint64_t calls = 0;
  bool stopped = false;
  const auto count = [&](std::string_view call) {
    if (++calls == stop) {
      stopped = true;
      throw env::CrashError(std::string(call));
    }
  };
  if (after) {
    site.hooks.after = count;
  } else {
    site.hooks.before = [&, away = site.hooks.before](std::string_view call) {
      count(call);
      away(call);
    };
  }
  {
    env::CrashFileSystem files(site.root());
    try {
      life(site, files);
    } catch (const env::CrashError&) {
    }
    if (!stopped) return false;
    files.lose_unsynced(0);
  }
  SCOPED_TRACE(fmt::format("HOLDFAST_CRASH=calls:{}:{}", stop, after ? "after" : "before"));
  check(site);
  return !testing::Test::HasFailure();
}

void crash_everywhere(const char* name, const Life& life) {
  if (const char* run = std::getenv("HOLDFAST_CRASH")) {
    unsigned long long number = 0, seed = 0;
    int effect = 0;
    char when = 0;
    if (std::sscanf(run, "files:%llu:%d:%llu", &number, &effect, &seed) == 3) {
      crash_in_files(life, number, static_cast<Effect>(effect), seed);
    } else if (std::sscanf(run, "calls:%llu:%c", &number, &when) == 2) {
      crash_in_calls(life, number, when == 'a');
    }
    return;
  }
  const char* given = std::getenv("HOLDFAST_SEED");
  const std::uint64_t base =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::uint64_t operation = 1;
  for (;; ++operation) {
    const std::uint64_t seed = base + 2 * operation;
    if (!crash_in_files(life, operation, Effect::kNone, 0)) break;
    if (!crash_in_files(life, operation, Effect::kWhole, 0)) break;
    if (!crash_in_files(life, operation, Effect::kNone, seed)) break;
    if (!crash_in_files(life, operation, Effect::kWhole, seed + 1)) break;
    if (!crash_in_files(life, operation, Effect::kPart, seed)) break;
  }
  std::uint64_t calls = 1;
  for (; crash_in_calls(life, calls, false) && crash_in_calls(life, calls, true); ++calls) {
  }
  std::cout << fmt::format("crash points: {} {} files, {} calls (HOLDFAST_SEED={})\n", name,
                           operation - 1, calls - 1, base);
  EXPECT_GT(operation, 10u);
}

TEST(RecordsCrash, NeitherLosesNorDoublesWhatWasAcknowledged) {
  crash_everywhere("put and drain", live);
}

TEST(RecordsCrash, LeavesEmergencyCopiesThatCanBeRead) {
  crash_everywhere("emergency", [](Site& site, env::FileSystem& files) {
    RecordWriter writer(site.options(files, 1));
    site.away = true;
    put_video(site, writer, "a", "first");
    put_video(site, writer, "a", "second");
    site.away = false;
    put_video(site, writer, "a", "third");
  });
}

}  // namespace
}  // namespace holdfast::engine
