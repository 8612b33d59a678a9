#include "sqlite/page_source.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/connection.h"
#include "sqlite/file_header.h"
#include "sqlite/log_files.h"
#include "sqlite/mappable_file.h"
#include "sqlite/raw_source.h"
#include "sqlite/rollback_source.h"
#include "sqlite/wal_source.h"

namespace holdfast::sqlite {
namespace {

constexpr std::chrono::milliseconds kAtRest{200}, kLongestRest{2000};

struct Opened {
  std::unique_ptr<PageSource> source;
  std::reference_wrapper<const Connection> connection;
  bool immutable = false;
};

template <typename Source, typename... Arguments>
Opened make(Arguments&&... arguments) {
  auto source = std::make_unique<Source>(std::forward<Arguments>(arguments)...);
  const Connection& connection = source->opened();
  return {.source = std::move(source), .connection = connection};
}

FileHeader header_of(const Connection& connection) {
  std::array<std::byte, kFileHeaderSize> bytes{};
  connection.file().read(0, bytes);
  return FileHeader::parse(bytes);
}

void require_present(const std::filesystem::path& path) {
  if (!FileStamp::of(path)) {
    throw Error(ErrorCode::kDatabaseMissing, fmt::format("{} does not exist", path.string()));
  }
}

void refuse_empty(const std::filesystem::path& path, const Connection& connection) {
  const auto stamp = FileStamp::of(path);  // SQLite takes one byte for none
  if (!stamp || stamp->size != 0) return;
  const auto log = FileStamp::of(wal_path(connection.resolved_path()));
  if (!log || log->size == 0) {
    throw Error(ErrorCode::kDatabaseEmpty, fmt::format("{} is empty", path.string()));
  }
  // SQLite would delete that log at its first look.
  throw Error(ErrorCode::kDatabaseDamaged,
              fmt::format("{} is empty, but a write-ahead log of {} bytes lies beside it",
                          path.string(), log->size));
}

// A journal that nobody is writing is one that a crashed process left. The lock keeps a writer from
// finishing with it between the two looks.
void refuse_hot_journal(const Connection& connection) {
  const auto path = connection.resolved_path();
  const DatabaseFile file = connection.file();
  if (!journal_has_content(path) || !file.try_lock(SQLITE_LOCK_SHARED)) return;
  const bool hot = journal_has_content(path) && !file.is_reserved() && journal_has_content(path);
  file.unlock(SQLITE_LOCK_NONE);
  if (hot) {
    throw Error(ErrorCode::kHotJournal, fmt::format("{} holds a transaction that was cut short",
                                                    journal_path(path).string()));
  }
}

Opened open_with_log(const std::filesystem::path& path, const OpenOptions& options) {
  const auto log = FileStamp::of(wal_path(path)), index = FileStamp::of(shm_path(path));
  const bool may_write = is_writable(path) && is_writable(path.parent_path());
  if (may_write || (log && index)) return make<WalSource>(path, options.busy_timeout);
  if (log && log->size > 0) {
    throw Error(
        ErrorCode::kPermissionDenied,
        fmt::format("{} has a write-ahead log, which can be read only where {} can be created",
                    path.string(), shm_path(path).string()));
  }
  // Nobody can be using the log that is not there, so there is nobody to take turns with.
  Opened opened = make<RollbackSource>(Connection(path, Access::kImmutable, options.busy_timeout),
                                       Access::kImmutable);
  opened.immutable = true;
  return opened;
}

Opened open_accepted(Connection connection, const OpenOptions& options) {
  if (!uses_log(connection)) {
    return make<RollbackSource>(std::move(connection), Access::kReadOnly);
  }
  // The connection that follows may write, and would play a journal back.
  refuse_hot_journal(connection);
  const auto resolved = connection.resolved_path();
  connection.close();
  return open_with_log(resolved, options);
}

Opened open_raw(const std::filesystem::path& path, const OpenOptions& options, std::string damage) {
  Connection connection(path, Access::kReadOnly, options.busy_timeout);
  refuse_hot_journal(connection);
  if (!RawSource::is_plausible(connection.file().size(), header_of(connection).has_magic)) {
    throw Error(ErrorCode::kNotADatabase,
                fmt::format("{} is not a SQLite database", path.string()));
  }
  return make<RawSource>(std::move(connection), std::move(damage));
}

// A plain copy over a database shows a beginning of it for a while, which SQLite takes for a
// damaged one. It holds no locks that would tell.
bool is_at_rest(const std::filesystem::path& path) {
  const auto file = FileState::of(path);
  if (!file) return true;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::abs(now - std::chrono::nanoseconds(file->modified)) >= kAtRest;
}

// Why SQLite does not accept the file that `connection` has open; empty if it does, and `opened` is
// what it was opened as.
std::string open_checked(Connection connection, const OpenOptions& options, bool has_magic,
                         std::optional<Opened>& opened) {
  if (!has_magic) return "it does not begin like a SQLite database: it is encrypted or damaged";
  try {
    opened = open_accepted(std::move(connection), options);
    return {};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDatabaseDamaged && error.code() != ErrorCode::kNotADatabase) {
      throw;
    }
    return error.happened();
  }
}

Opened open(const std::filesystem::path& path, const OpenOptions& options) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::min(options.busy_timeout, kLongestRest) + 2 * kAtRest;
  while (true) {
    require_present(path);
    if (!std::filesystem::is_regular_file(path)) {
      throw Error(ErrorCode::kNotADatabase, fmt::format("{} is not a file", path.string()));
    }
    Connection connection(path, Access::kReadOnly, options.busy_timeout);
    refuse_empty(path, connection);
    const bool has_magic = header_of(connection).has_magic;
    std::optional<Opened> opened;
    std::string damage = open_checked(std::move(connection), options, has_magic, opened);
    if (opened) return std::move(*opened);
    if (!has_magic || is_at_rest(path)) return open_raw(path, options, std::move(damage));
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(ErrorCode::kDatabaseChanged,
                  fmt::format("{} is being written past all locks ({})", path.string(), damage));
    }
    std::this_thread::sleep_for(kAtRest / 10);
  }
}

// The source at a path, whatever kind it is at the moment: a database may change its journal mode,
// and a damaged file may be repaired in place, between two views.
class DatabaseSource : public PageSource {
 public:
  DatabaseSource(std::filesystem::path path, OpenOptions options)
      : path_(std::move(path)), options_(options), inner_(open(path_, options_)) {}

  Change advance() override {
    require_present(path_);
    if (inner_.connection.get().file().has_moved()) {
      throw Error(ErrorCode::kDatabaseChanged,
                  fmt::format("another file stands at {} by now", path_.string()));
    }
    const bool reopen = must_reopen();
    if (reopen) {
      mappable_.reset();
      inner_ = open(path_, options_);
    }
    try {
      Change change = inner_.source->advance();
      if (!std::exchange(advanced_, true)) change = {};
      if (reopen) change = {};
      return change;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDatabaseDamaged && error.code() != ErrorCode::kNotADatabase) {
        throw;
      }
      throw Error(ErrorCode::kDatabaseChanged, error.happened());
    }
  }
  void release() override { inner_.source->release(); }
  bool is_newest() override { return inner_.source->is_newest(); }
  bool is_intact() override { return inner_.source->is_intact(); }
  std::optional<LogMark> mark() override { return inner_.source->mark(); }
  std::optional<std::vector<PageNumber>> changed_since(const LogMark& mark) override {
    return inner_.source->changed_since(mark);
  }
  Geometry geometry() const override { return inner_.source->geometry(); }
  void read(PageNumber first, MutableByteView out) override { inner_.source->read(first, out); }
  env::MappedRange map(PageNumber first, PageNumber count) override {
    const std::lock_guard lock(mapping_);
    if (!mappable_) mappable_.emplace(path_, inner_.connection.get().file());
    const std::uint64_t page_size = geometry().page_size;
    return mappable_->map(std::uint64_t{first - 1} * page_size, count * page_size);
  }
  bool is_in_file(PageNumber first, PageNumber count) override {
    return inner_.source->is_in_file(first, count);
  }
  sqlite3* connection() override { return inner_.source->connection(); }
  JournalMode journal_mode() const override { return inner_.source->journal_mode(); }
  const std::string& damage() const override { return inner_.source->damage(); }

 private:
  bool must_reopen() {
    if (inner_.source->journal_mode() == JournalMode::kWal) return false;  // nobody can leave it
    if (!damage().empty() || inner_.immutable) return advanced_ && !is_newest();
    return uses_log(inner_.connection);
  }

  std::filesystem::path path_;
  OpenOptions options_;
  std::mutex mapping_;
  std::optional<MappableFile> mappable_;  // before the connection, so that it closes after it
  Opened inner_;
  bool advanced_ = false;
};

}  // namespace

bool uses_log(const Connection& connection) {
  return header_of(connection).says_wal ||
         FileStamp::of(wal_path(connection.resolved_path())).has_value();
}

std::optional<LogMark> PageSource::mark() { return std::nullopt; }
std::optional<std::vector<PageNumber>> PageSource::changed_since(const LogMark&) {
  return std::nullopt;
}
env::MappedRange PageSource::map(PageNumber, PageNumber) { return {}; }
bool PageSource::is_in_file(PageNumber, PageNumber) { return false; }

std::unique_ptr<PageSource> open_page_source(const std::filesystem::path& path,
                                             OpenOptions options) {
  return std::make_unique<DatabaseSource>(std::filesystem::absolute(path), options);
}

}  // namespace holdfast::sqlite
