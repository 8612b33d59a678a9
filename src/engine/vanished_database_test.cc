// The file goes away, changes its owner or loses its content at every step of a backup.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "engine/test_protection.h"
#include "repository/prune.h"
#include "repository/test_history.h"
#include "repository/verify.h"
#include "storage/store_decorator.h"

namespace holdfast::engine {
namespace {

using repository::Snapshot;

// Does something once, at the n-th step of a backup: a stage, a part that was read, an object that
// is about to be put.
class Interruption {
 public:
  Interruption(std::uint64_t step, std::function<void()> action)
      : step_(step), action_(std::move(action)) {}
  void step() {
    if (step_-- == 0) action_();
  }

 private:
  std::atomic<std::uint64_t> step_;
  std::function<void()> action_;
};

class InterruptedStore final : public storage::StoreDecorator {
 public:
  InterruptedStore(storage::Store& base, Interruption& interruption)
      : StoreDecorator(base), interruption_(interruption) {}
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    interruption_.step();
    base().put(name, content, options);
  }

 private:
  Interruption& interruption_;
};

class InterruptedProgress final : public Progress {
 public:
  explicit InterruptedProgress(Interruption& interruption) : interruption_(interruption) {}
  void stage(std::string_view, std::uint64_t) override { interruption_.step(); }
  void advance(std::uint64_t) override { interruption_.step(); }
  void notice(std::string_view) override {}
  void warning(std::string_view) override {}

 private:
  Interruption& interruption_;
};

struct Loss {
  std::string name;
  std::function<void(const std::filesystem::path& database, const std::filesystem::path& another)>
      happens;
};
void PrintTo(const Loss& loss, std::ostream* out) { *out << loss.name; }

void remove_with_log(const std::filesystem::path& database, const std::filesystem::path&) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(database.string() + suffix);
  }
}

const std::vector<Loss>& losses() {
  static const std::vector<Loss> all = {
      {"Deleted", remove_with_log},
      {"DeletedBesideItsLog",
       [](const auto& database, const auto&) { std::filesystem::remove(database); }},
      {"Replaced",
       [](const auto& database, const auto& another) {
         for (const char* suffix : {"-wal", "-shm"}) {
           std::filesystem::remove(database.string() + suffix);
         }
         std::filesystem::copy_file(another, database.string() + ".new");
         std::filesystem::rename(database.string() + ".new", database);
       }},
      {"DeletedAndMadeAnew",
       [](const auto& database, const auto& another) {
         remove_with_log(database, another);
         std::filesystem::copy_file(another, database);
       }},
      {"Emptied",
       [](const auto& database, const auto&) { std::filesystem::resize_file(database, 0); }},
      {"CutInHalf",
       [](const auto& database, const auto&) {
         const auto pages = std::filesystem::file_size(database) / 4096;
         std::filesystem::resize_file(database, pages / 2 * 4096);
       }},
  };
  return all;
}

// How it is lost, the journal mode, and whether there is a snapshot to compare with.
class VanishedDatabase : public testing::TestWithParam<std::tuple<Loss, std::string, bool>> {
 protected:
  VanishedDatabase() {
    std::filesystem::create_directories(place());
    const auto& [loss, journal_mode, again] = GetParam();
    sqlite::run_sql(original(), fmt::format("PRAGMA journal_mode = {};"
                                            "CREATE TABLE record (id INTEGER PRIMARY KEY, body);",
                                            journal_mode) +
                                    rows_sql(3000, 900));
    sqlite::run_sql(another(),
                    "CREATE TABLE record (id INTEGER PRIMARY KEY, body);" + rows_sql(1000, 900));
    // The log that a process leaves that was killed; nobody has the files open.
    sqlite::OtherConnection user(original());
    user.run("UPDATE record SET body = randomblob(900) WHERE id % 500 = 0");
    make_database();
  }
  std::filesystem::path place() const { return directory / "place"; }
  std::filesystem::path database() const { return place() / "app.db"; }
  std::filesystem::path original() const { return directory / "original.db"; }
  std::filesystem::path another() const { return directory / "another.db"; }

  void make_database() const {
    remove_with_log(database(), {});
    for (const char* suffix : {"", "-wal"}) {
      const std::filesystem::path from = original().string() + suffix;
      if (std::filesystem::exists(from)) {
        std::filesystem::copy_file(from, database().string() + suffix);
      }
    }
  }
  BackupRequest request() const {
    BackupRequest request;
    request.databases = {{.name = "app", .path = database()}};
    request.cache_directory = directory / "cache";
    request.threads = 1;  // the order of steps is the same in each run
    request.busy_timeout = std::chrono::milliseconds(0);
    return request;
  }
  std::string restored(const Snapshot& snapshot) const {
    const auto copy = directory / env::random_name();
    restore_copy(at->repository, env::posix_file_system(), snapshot.databases.front(), copy, 1,
                 no_progress());
    std::string content = file_content(copy);
    std::filesystem::remove(copy);
    return content;
  }
  std::vector<Snapshot> snapshots() const {
    return repository::list_snapshots(at->repository).snapshots;
  }

  // False when the backup has fewer steps.
  bool lose_at(std::uint64_t step) {
    const auto& [loss, journal_mode, again] = GetParam();
    at = std::make_unique<repository::HistoryRepository>();
    std::filesystem::remove_all(directory / "cache");
    make_database();
    image = image_of(database());
    if (again) {
      engine::back_up(at->repository, env::posix_file_system(), request(), no_progress());
    }
    const std::size_t before = snapshots().size();
    bool lost = false;
    Interruption interruption(step, [&] {
      loss.happens(database(), another());
      lost = true;
    });
    InterruptedStore store(at->store, interruption);
    InterruptedProgress progress(interruption);
    const repository::Repository repository =
        repository::Repository::open(store, at->clock, std::nullopt);
    try {
      expect_consistent(
          engine::back_up(repository, env::posix_file_system(), request(), progress).snapshot);
    } catch (const Error& error) {
      expect_clear(error);
      EXPECT_EQ(snapshots().size(), before) << "a failed backup left a snapshot";
    }
    expect_sound();
    return lost;
  }

  std::unique_ptr<repository::HistoryRepository> at;
  std::string image;
  env::TemporaryDirectory directory;

 private:
  // The old content, the new content, or what is left of it with a mark: nothing in between.
  void expect_consistent(const Snapshot& snapshot) const {
    const std::string content = restored(snapshot);
    const bool marked = !snapshot.databases.front().damage.empty();
    if (marked) {
      EXPECT_TRUE(content == file_content(database())) << snapshot.databases.front().damage;
      return;
    }
    EXPECT_TRUE(content == image || content == file_content(another())) << "a mixture";
  }
  static void expect_clear(const Error& error) {
    // The last is of a file that is empty beside a log: it may be all that is left.
    const std::set<ErrorCode> clear = {ErrorCode::kDatabaseMissing, ErrorCode::kDatabaseEmpty,
                                       ErrorCode::kDatabaseChanged, ErrorCode::kDatabaseDamaged};
    EXPECT_TRUE(clear.contains(error.code())) << error.name() << ": " << error.happened();
    EXPECT_NE(error.happened().find("app.db"), std::string::npos) << error.happened();
  }
  void expect_sound() {
    const std::set<std::string> allowed = {"app.db", "app.db-wal", "app.db-shm"};
    for (const std::string& name : sqlite::names_in(place())) {
      EXPECT_TRUE(allowed.contains(name)) << name;
    }
    EXPECT_TRUE(repository::names_below(at->store, "intents/").empty());
    // The database is back: everything goes on as if nothing had been.
    make_database();
    const Snapshot next =
        engine::back_up(at->repository, env::posix_file_system(), request(), no_progress())
            .snapshot;
    EXPECT_TRUE(restored(next) == image);
    const repository::VerifyReport report = repository::verify(
        at->repository, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
    EXPECT_TRUE(report.ok()) << report.damage.front().problem;
    repository::prune(at->repository, {}, no_progress());
    EXPECT_EQ(repository::prune(at->repository, {.dry_run = true}, no_progress()).packs_removed, 0);
  }
};

TEST_P(VanishedDatabase, IsAClearErrorOrAConsistentSnapshot) {
  std::uint64_t step = 0;
  for (; !HasFailure(); ++step) {
    SCOPED_TRACE(fmt::format("at step {}", step));
    if (!lose_at(step)) break;
  }
  EXPECT_GT(step, 6) << "not every step was interrupted";
}

INSTANTIATE_TEST_SUITE_P(At, VanishedDatabase,
                         testing::Combine(testing::ValuesIn(losses()),
                                          testing::Values("wal", "delete"), testing::Bool()),
                         [](const auto& one) {
                           return std::get<0>(one.param).name + "_" + std::get<1>(one.param) +
                                  (std::get<2>(one.param) ? "_again" : "_first");
                         });

}  // namespace
}  // namespace holdfast::engine
