#include "engine/backup/backup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/version.h"
#include "engine/backup/base_state.h"
#include "engine/backup/map_update.h"
#include "engine/backup/page_scan.h"
#include "engine/backup/sent_base.h"
#include "env/host.h"
#include "env/temporary_directory.h"
#include "env/user.h"
#include "repository/blob_reader.h"
#include "repository/writer.h"
#include "sqlite/page_source.h"
#include "sqlite/table_statistics.h"

namespace holdfast::engine {
namespace {

using repository::DatabaseState;
using repository::Snapshot;

constexpr int kRounds =
    8;  // of catching up with writers, before a view is held as long as it takes
constexpr int kViewAttempts = 1000;  // to find several databases at rest at once
constexpr int kAttempts = 3;         // when a database is reshaped under our hands
// What the log proves is trusted for so long, or for so many backups; then every page is read.
constexpr std::chrono::hours kLongestTrust{24};
constexpr std::uint32_t kMostTrustingBackups = 20;
constexpr std::size_t kCountedPages =
    16u << 20;  // rows are not counted beyond (64 GB): it costs two bytes of memory a page

// One database on its way into a snapshot.
struct Protected {
  explicit Protected(const BackupSource& source_request) : request(&source_request) {}

  const BackupSource* request;
  std::unique_ptr<sqlite::PageSource> source;
  std::optional<BaseState> base;
  std::unique_ptr<PageScan> scan;
  WholeReading whole_reading;
  std::optional<sqlite::LogMark> mark;  // of the view that was backed up
  sqlite::DatabaseStatistics statistics;
  Time moment{};

  const BaseState* usable_base() const {  // null: there is none with pages of this size
    const bool fits = base && base->state.page_size == scan->geometry().page_size;
    return fits ? &*base : nullptr;
  }
};

class Backup {
 public:
  Backup(const repository::Repository& repository, env::FileSystem& files,
         const BackupRequest& request, Progress& progress,
         const repository::SealedSession* sealed = nullptr)
      : repository_(repository),
        sealed_(sealed),
        files_(files),
        request_(request),
        progress_(progress),
        uses_cache_(!request.cache_directory.empty()),
        trusts_records_(!request.read_all),
        started_(repository.clock().elapsed()),
        time_(repository.clock().now()),
        writer_(repository),
        reader_(repository, writer_.index()),
        hasher_(repository.keys().pages),
        checksum_key_(repository.keys().checksum),
        context_{.repository = repository,
                 .writer = writer_,
                 .hasher = hasher_,
                 .checksum_key = checksum_key_,
                 .files = files,
                 .progress = progress,
                 .compression_level = request.compression_level,
                 .threads = thread_count(request.threads),
                 .longest_view = request.longest_view} {}

  BackupResult run();

 private:
  void warn(std::string sentence);
  void report_losses();
  void report_losses(const BaseState& base);
  env::Path table_path(const BackupSource& database);
  bool give_up_cache(const Error& error);
  void read_everything();
  env::Path record_path(const BackupSource& database) const;
  bool give_up_records(const Error& error);
  std::optional<BaseState> find_base_of(const std::string& name, const env::Path& table);
  void open(Protected& database);
  bool resume(Protected& database);
  void take_views();
  void fix_one_moment();
  bool are_intact();
  [[noreturn]] static void throw_torn();
  void count_rows();
  static bool is_counted(const Protected& database);
  std::vector<DatabaseState> describe_databases();
  DatabaseState describe(Protected& database, const MapUpdate& map);
  void publish_table(Protected& database, const Snapshot& snapshot);
  void publish_record(Protected& database, const Snapshot& snapshot);

  const repository::Repository& repository_;
  const repository::SealedSession* sealed_;  // that it is the repository of; null: none
  env::FileSystem& files_;
  const BackupRequest& request_;
  Progress& progress_;
  bool uses_cache_;
  bool trusts_records_;
  Duration started_;
  Time time_;
  repository::Writer writer_;
  repository::BlobReader reader_;
  codec::PageHasher hasher_;
  codec::ChecksumKey checksum_key_;
  ScanContext context_;
  std::optional<env::TemporaryDirectory> scratch_;  // instead of a cache
  std::vector<Protected> databases_;
  std::vector<std::string> warnings_;
  std::future<void> counting_;  // count_rows(), beside the storing of what was read; ends first
};

void Backup::warn(std::string sentence) {
  if (std::ranges::find(warnings_, sentence) != warnings_.end()) return;  // beginning again
  progress_.warning(sentence);
  warnings_.push_back(std::move(sentence));
}

void Backup::report_losses() {
  const repository::LoadedIndex& loaded = writer_.loaded();
  if (!loaded.unreadable.empty()) {
    warn(fmt::format("{} damaged index objects; what they listed was found again in the packs",
                     loaded.unreadable.size()));
  }
  const auto lost = std::ranges::count_if(
      loaded.lost_packs,
      [&](const repository::PackDescription& pack) { return !loaded.index.holds_all(pack); });
  if (lost > 0) {
    warn(
        fmt::format("{} packs of the repository are missing or cut short; what the databases "
                    "still have of them is stored again",
                    lost));
  }
}

void Backup::report_losses(const BaseState& base) {
  if (base.unreadable.count == 0) return;
  warn(fmt::format(
      "{}: {} of {} parts of the page map of its last snapshot cannot be read ({}); their pages "
      "are read as if there were no earlier snapshot, and what is missing of them is stored. "
      "`holdfast verify --all --read-data` tells which snapshots have lost something",
      base.state.name, base.unreadable.count, base.leaves.size(), base.unreadable.first));
}

env::Path Backup::table_path(const BackupSource& database) {
  const env::Path path =
      digest_table_path(repository_, request_.cache_directory, database.name, database.path);
  if (uses_cache_) {
    const env::Path folder = path.parent_path();
    try {
      DigestTable::create(files_, path, repository_.keys().cache, 512);  // may I write?
      const std::uint64_t size = std::filesystem::file_size(database.path);
      if (files_.free_space(folder) > size / 16 + (1u << 20)) return path;
      warn(fmt::format("no room for the local page digests in {}; going on without",
                       folder.string()));
    } catch (const Error& error) {
      warn(fmt::format("the local page digests cannot be kept ({}); going on without",
                       error.what()));
    } catch (const std::filesystem::filesystem_error&) {
      return path;  // the database itself is in trouble, which opening it will tell
    }
  }
  if (!scratch_) scratch_.emplace();
  return *scratch_ / path.filename();
}

std::optional<BaseState> Backup::find_base_of(const std::string& name, const env::Path& table) {
  if (sealed_ != nullptr) return find_sent_base(*sealed_, files_, table, name, progress_);
  return find_base(repository_, files_, reader_,
                   {.database = name,
                    .table = table,
                    .in_own_series = request_.in_own_series,
                    .threads = context_.threads},
                   progress_);
}

void Backup::open(Protected& database) {
  const std::string& name = database.request->name;
  database.source =
      sqlite::open_page_source(database.request->path, {.busy_timeout = request_.busy_timeout});
  if (!database.source->damage().empty()) {
    warn(fmt::format("{}: {}; it is backed up as it is", name, database.source->damage()));
  }
  const env::Path table = table_path(*database.request);
  database.base = find_base_of(name, table);
  database.scan = std::make_unique<PageScan>(context_, *database.source,
                                             database.base ? &*database.base : nullptr, table);
  if (!database.base) return;
  report_losses(*database.base);
  for (const BlobId& id : database.base->damaged) writer_.distrust(id);
}

env::Path Backup::record_path(const BackupSource& database) const {
  env::Path path =
      digest_table_path(repository_, request_.cache_directory, database.name, database.path);
  return path.replace_extension(".scan");
}

// Whether what is known of the database could be taken over, so that no first pass is needed.
bool Backup::resume(Protected& database) {
  database.whole_reading = {.time = time_};
  if (!uses_cache_ || !trusts_records_ || !database.base) return false;
  auto record = ScanRecord::read(files_, record_path(*database.request), repository_.keys().cache);
  if (!record) return false;
  const WholeReading& whole = record->whole_reading;
  if (whole.time > time_ || time_ - whole.time >= kLongestTrust ||
      whole.backups_since >= kMostTrustingBackups) {
    return false;
  }
  const auto changed = database.source->changed_since(record->mark);
  if (!changed || !database.scan->resume(*record, *changed)) return false;
  database.whole_reading = {.time = whole.time, .backups_since = whole.backups_since + 1};
  return true;
}

// Goes through all databases once, and then catches up until one view of each is read completely.
void Backup::read_everything() {
  counting_ = {};
  databases_.clear();
  for (const BackupSource& source : request_.databases) databases_.emplace_back(source);
  for (Protected& database : databases_) {
    open(database);
    const sqlite::Geometry& geometry = database.scan->geometry();
    progress_.stage(fmt::format("Reading {}", database.request->name),
                    std::uint64_t{geometry.page_size} * geometry.page_count);
    if (!resume(database)) database.scan->first_pass();
    if (databases_.size() > 1) database.scan->release();
  }
  fix_one_moment();
}

// One view of each database such that none was committed to between the first and the last of them.
void Backup::take_views() {
  for (int attempt = 0; attempt < kViewAttempts; ++attempt) {
    for (Protected& database : databases_) database.scan->refresh();
    const bool at_rest = std::ranges::all_of(
        databases_, [](Protected& database) { return database.scan->source().is_newest(); });
    if (databases_.size() == 1 || at_rest) return;
  }
  throw Error(ErrorCode::kDatabaseBusy,
              "the databases are committed to so often that no moment common to all was found");
}

void Backup::fix_one_moment() {
  const bool view_is_held = databases_.size() == 1;
  for (int round = 0; round < kRounds; ++round) {
    const bool last = round + 1 == kRounds;
    if (round > 0 || !view_is_held) take_views();
    const bool complete = std::ranges::all_of(
        databases_, [&](Protected& database) { return database.scan->catch_up(last); });
    const bool intact = complete && are_intact();
    if (last && !intact) throw_torn();
    if (!intact) {
      for (Protected& database : databases_) database.scan->release();
      continue;
    }
    for (Protected& database : databases_) {
      database.moment = database.scan->moment();
      if (uses_cache_) database.mark = database.source->mark();
      database.scan->facts();
    }
    counting_ = std::async(std::launch::async, [this] { count_rows(); });
    for (Protected& database : databases_) database.scan->store_kept();
    return;
  }
}

bool Backup::are_intact() {
  return std::ranges::all_of(databases_,
                             [](Protected& database) { return database.source->is_intact(); });
}

void Backup::throw_torn() {
  throw Error(ErrorCode::kDatabaseChanged,
              "a database was written past all locks while it was read");
}

// In the views that were read, and gives them up.
void Backup::count_rows() {
  for (Protected& database : databases_) {
    if (is_counted(database)) {
      database.statistics = sqlite::gather_statistics(*database.source, database.scan->facts());
      // Else what was counted, or found damaged, is not what was read before.
      if (!database.source->is_intact()) throw_torn();
    }
    database.source->release();
  }
}

bool Backup::is_counted(const Protected& database) {
  return database.source->connection() != nullptr &&
         database.scan->geometry().page_count <= kCountedPages;
}

// The rows may still be counted when the last pack is on its way.
std::vector<DatabaseState> Backup::describe_databases() {
  std::vector<MapUpdate> maps;
  for (Protected& database : databases_) {
    maps.push_back(
        write_map(writer_, reader_, database.usable_base(), database.scan->placements(),
                  database.scan->geometry().page_count,
                  {.compression_level = request_.compression_level, .threads = context_.threads}));
  }
  writer_.close_packs();
  counting_.get();
  std::vector<DatabaseState> states;
  for (std::size_t i = 0; i < databases_.size(); ++i) {
    states.push_back(describe(databases_[i], maps[i]));
  }
  return states;
}

DatabaseState Backup::describe(Protected& database, const MapUpdate& map) {
  PageScan& scan = *database.scan;
  const sqlite::Geometry& geometry = scan.geometry();
  DatabaseState state;
  state.name = database.request->name;
  state.source = std::filesystem::absolute(database.request->path).lexically_normal().string();
  state.moment = database.moment;
  state.page_size = geometry.page_size;
  state.page_count = geometry.page_count;
  state.journal_mode =
      database.source->journal_mode() == sqlite::JournalMode::kWal ? "wal" : "rollback";
  state.map = map.root;
  state.map_height = repository::map_height(geometry.page_count);
  state.checksum = scan.checksum();
  if (const BaseState* base = database.usable_base(); base != nullptr && base->sent_in) {
    state.base = goes_on_from(*base, checksum_key_, scan.placements(), geometry.page_count);
  }
  state.damage = database.source->damage();
  if (!database.statistics.problems.empty()) {
    state.damage = fmt::format("{}", fmt::join(database.statistics.problems, "; "));
    warn(fmt::format("{} is damaged: {}. It is backed up as it is; earlier snapshots may be better",
                     state.name, state.damage));
  }
  state.tables_counted = is_counted(database);
  for (const sqlite::TableStatistics& table : database.statistics.tables) {
    state.tables.push_back({.name = table.name, .rows = table.rows});
  }
  state.indexes = database.statistics.indexes;
  state.views = database.statistics.views;
  state.triggers = database.statistics.triggers;
  state.pages_changed = map.pages_changed;
  state.bytes_read = scan.bytes_read();
  state.bytes_stored = scan.bytes_stored() + map.bytes_stored;
  return state;
}

void Backup::publish_table(Protected& database, const Snapshot& snapshot) {
  const sqlite::Geometry& geometry = database.scan->geometry();
  try {
    database.scan->table().publish(
        {.series = repository::series_of(repository_, snapshot.databases),
         .snapshot = snapshot.id,
         .page_size = geometry.page_size,
         .page_count = geometry.page_count});
  } catch (const Error& error) {
    warn(fmt::format("the local page digests were not kept ({}); the next backup makes them again",
                     error.what()));
  }
}

void Backup::publish_record(Protected& database, const Snapshot& snapshot) {
  if (!uses_cache_ || !database.mark) return;
  const ScanRecord record{.snapshot = snapshot.id,
                          .whole_reading = database.whole_reading,
                          .mark = *database.mark,
                          .unit_sums = database.scan->unit_sums(),
                          .facts = database.scan->take_facts()};
  try {
    record.write(files_, record_path(*database.request), repository_.keys().cache);
  } catch (const Error&) {
    // Nobody misses it but for the time that it saves.
  }
}

// What was taken over without being read turns out to be torn.
bool Backup::give_up_records(const Error& error) {
  const bool trusted = std::ranges::any_of(databases_, [](const Protected& database) {
    return database.whole_reading.backups_since > 0;
  });
  if (!trusted || error.code() != ErrorCode::kDamagedObject) return false;
  trusts_records_ = false;
  return true;
}

// A cache that fails, or a disk that fills up below it, costs time and nothing else.
bool Backup::give_up_cache(const Error& error) {
  const bool failed = std::ranges::any_of(databases_, [](const Protected& database) {
    const bool base = database.base && database.base->digests && database.base->digests->failed();
    return base || (database.scan && database.scan->table().failed());
  });
  if (!uses_cache_ || !failed) return false;
  uses_cache_ = false;
  warn(fmt::format("the local page digests cannot be kept ({}); beginning again without",
                   error.what()));
  return true;
}

BackupResult Backup::run() {
  report_losses();
  Snapshot snapshot;
  for (int attempt = 1;; ++attempt) {
    try {
      read_everything();
      progress_.stage("Writing the snapshot", 0);
      snapshot.databases = describe_databases();
      break;
    } catch (const Error& error) {
      if (give_up_cache(error) || give_up_records(error)) continue;
      if (error.code() != ErrorCode::kDatabaseChanged || attempt == kAttempts) throw;
      progress_.notice(fmt::format("{}; beginning again", error.what()));
    }
  }
  codec::random_bytes(snapshot.id.bytes);
  std::vector<std::string> names;
  for (const Protected& database : databases_) names.push_back(database.request->name);
  snapshot.time = time_;
  snapshot.name = !request_.name.empty()
                      ? request_.name
                      : fmt::format("{}_backup_{}", fmt::join(names, "+"), format_compact(time_));
  snapshot.tags = request_.tags;
  std::ranges::sort(snapshot.tags);
  snapshot.tags.erase(std::ranges::unique(snapshot.tags).begin(), snapshot.tags.end());
  snapshot.host = env::this_process().host;
  snapshot.user = env::user_name();
  snapshot.version = kVersion;
  snapshot.command = request_.command;
  snapshot.seconds =
      std::chrono::duration<double>(repository_.clock().elapsed() - started_).count();
  if (sealed_ != nullptr) put_into(*sealed_, snapshot);
  writer_.commit(snapshot);
  if (sealed_ != nullptr) expect_standing(*sealed_, snapshot);
  for (Protected& database : databases_) {
    publish_table(database, snapshot);
    publish_record(database, snapshot);
  }
  return {std::move(snapshot), std::move(warnings_)};
}

}  // namespace

namespace {

void check_names(const BackupRequest& request) {
  std::set<std::string> names;
  for (const BackupSource& source : request.databases) {
    if (!names.insert(source.name).second) {
      throw Error(ErrorCode::kUsage, fmt::format("two databases are called {}", source.name));
    }
  }
  if (names.empty()) throw Error(ErrorCode::kUsage, "no database was named");
}

}  // namespace

BackupResult back_up(const repository::Repository& repository, env::FileSystem& files,
                     const BackupRequest& request, Progress& progress) {
  check_names(request);
  return Backup(repository, files, request, progress).run();
}

BackupResult back_up(const repository::SealedSession& session, env::FileSystem& files,
                     const BackupRequest& request, Progress& progress) {
  check_names(request);
  return Backup(session.repository(), files, request, progress, &session).run();
}

}  // namespace holdfast::engine
