#include "sqlite/seed.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "env/file_system.h"
#include "env/randomness.h"
#include "sqlite/companion_files.h"
#include "sqlite/connection.h"
#include "sqlite/health.h"
#include "sqlite/seed_json.h"
#include "sqlite/sqlite_error.h"

namespace holdfast::sqlite {
namespace {

using env::Path;

constexpr std::chrono::milliseconds kBusyTimeout{10'000};

void execute(sqlite3* handle, const std::string& sql, const std::string& doing) {
  const int result = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) throw sqlite_error(result, handle, doing);
}

// A seed has no business in other files.
int authorize_seed(void*, int action, const char*, const char* second, const char*, const char*) {
  if (action == SQLITE_ATTACH || action == SQLITE_DETACH) return SQLITE_DENY;
  if (action == SQLITE_FUNCTION && std::string_view(second) == "load_extension") return SQLITE_DENY;
  return SQLITE_OK;
}

// Beside the place of the database, and gone again unless it has become that.
class SeedTarget {
 public:
  explicit SeedTarget(const Path& target)
      : path_(target.parent_path() /
              fmt::format(".{}.making-{}", target.filename().string(), env::random_name())),
        connection_(path_, Access::kCreate, kBusyTimeout) {
    connection_.checkpoint_on_close(true);
    sqlite3_set_authorizer(get(), authorize_seed, nullptr);
    execute(get(), "PRAGMA synchronous = OFF", "making a database");
  }
  ~SeedTarget() {
    connection_.close();
    std::error_code ignored;
    for (const Path& file : {path_, wal_path(path_), shm_path(path_), journal_path(path_)}) {
      std::filesystem::remove(file, ignored);
    }
  }
  SeedTarget(const SeedTarget&) = delete;
  SeedTarget& operator=(const SeedTarget&) = delete;

  const Path& path() const { return path_; }
  sqlite3* get() const { return connection_.get(); }
  void finish() {
    if (sqlite3_get_autocommit(get()) == 0) {
      throw Error(ErrorCode::kConfiguration, "the seed begins a transaction that it does not end");
    }
    execute(get(), "PRAGMA journal_mode = WAL", "making a database");
    connection_.close();
  }

 private:
  Path path_;
  Connection connection_;
};

void refuse_content(const Path& path) {
  const PresenceReport found = look_at_database(path, kBusyTimeout);
  if (found.presence == Presence::kMissing || found.presence == Presence::kEmpty ||
      found.presence == Presence::kNoSchema) {
    return;
  }
  throw Error(ErrorCode::kAlreadyExists, found.detail);
}

// They would be played into the new database.
void move_companions_aside(env::FileSystem& files, const Path& path) {
  for (const Path& file : {wal_path(path), shm_path(path), journal_path(path)}) {
    if (!files.status(file)) continue;
    files.rename(file, file.string() + ".aside-" + env::random_name());
  }
}

// A link stays, and what it leads to is made, perhaps on another volume.
Path behind_links(const Path& given) {
  constexpr int kMostLinks = 40;
  Path path = std::filesystem::absolute(given).lexically_normal();
  std::error_code error;
  for (int links = 0; links < kMostLinks && std::filesystem::is_symlink(path, error); ++links) {
    path = (path.parent_path() / std::filesystem::read_symlink(path)).lexically_normal();
  }
  return path;
}

void create(const Path& given, const std::function<void(SeedTarget&)>& fill) {
  const Path path = behind_links(given);
  refuse_content(path);
  env::FileSystem& files = env::posix_file_system();
  files.make_directories(path.parent_path());
  SeedTarget made(path);
  fill(made);
  files.open_write(made.path())->sync();
  move_companions_aside(files, path);
  files.rename(made.path(), path);
  files.sync_directory(path.parent_path());
}

std::string read_seed(const Path& seed) {
  try {
    const Bytes content = env::read_file(env::posix_file_system(), seed);
    return {reinterpret_cast<const char*>(content.data()), content.size()};
  } catch (const Error& error) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("the seed {} cannot be read: {}", seed.string(), error.happened()));
  }
}

}  // namespace

void create_from_seed(const Path& path, const Path& seed, std::span<const Exclusion> exclusions) {
  const std::string content = read_seed(seed);
  const bool is_json = seed.extension() == ".json";
  if (!is_json && seed.extension() != ".sql") {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("the seed {} is neither *.sql nor *.json", seed.string()));
  }
  create(path, [&](SeedTarget& made) {
    if (is_json) {
      fill_from_json(made.get(), content, seed.string());
    } else {
      execute(made.get(), content, fmt::format("the seed {}", seed.string()));
    }
    made.finish();
    remove_excluded(made.path(), exclusions, kBusyTimeout);
  });
}

void create_empty(const Path& path) {
  create(path, [](SeedTarget& made) { made.finish(); });
}

}  // namespace holdfast::sqlite
