#include "service/recovery_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"
#include "engine/exports/export_manifest.h"
#include "engine/exports/folder_listing.h"
#include "engine/legacy/copy_file.h"
#include "engine/legacy/history_copy.h"
#include "engine/legacy/table_copy.h"
#include "engine/records/record_json.h"
#include "engine/records/spool.h"
#include "engine/restore/point_in_time.h"
#include "postgres/snapshot_reader.h"
#include "repository/index.h"
#include "service/databases.h"
#include "service/moment.h"
#include "service/records.h"
#include "sqlite/view_reader.h"

namespace holdfast::service {
namespace {

using engine::CopyReport;
using engine::RecordVisitor;

constexpr int kDeepestFolder = 32;

// "pre_write_20250101_120000.json.b64": that moment, in UTC.
std::optional<Time> time_in_name(std::string_view name) {
  constexpr std::size_t kLength = 15, kDash = 8;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t at = 0; at + kLength <= name.size(); ++at) {
    const std::string_view text = name.substr(at, kLength);
    bool fits = (text[kDash] == '_' || text[kDash] == '-') &&
                (at == 0 || !is_digit(name[at - 1])) &&
                (at + kLength == name.size() || !is_digit(name[at + kLength]));
    for (std::size_t i = 0; i < kLength; ++i) fits = fits && (i == kDash || is_digit(text[i]));
    if (!fits) continue;
    const auto part = [&](std::size_t from, std::size_t size) {
      return std::string(text.substr(from, size));
    };
    const auto time = parse_rfc3339(fmt::format("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 2),
                                                part(6, 2), part(9, 2), part(11, 2), part(13, 2)));
    if (time) return time;
  }
  return std::nullopt;
}

bool is_no_copy(std::string_view name) {
  if (name.starts_with('.')) return true;
  for (const std::string_view ending :
       {"-wal", "-shm", "-journal", ".manifest.json", ".holdfast", ".holdfast-journal"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

// Reads one source; shared by all of them.
class SourceReader {
 public:
  SourceReader(Session& session, const engine::Collection& collection, std::vector<std::string> key)
      : session_(session), world_(session.world()), collection_(collection), key_(std::move(key)) {}

  void open_history() { history_ = std::make_unique<History>(session_.repository()); }

  CopyReport read_database(const env::Path& path, const RecordVisitor& visit) const {
    CopyReport report{.format = engine::FileFormat::kSqlite};
    try {
      sqlite::ViewReader reader(path, session_.configuration().records.patience);
      read_rows(reader, report, visit);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      report.add_damage(error.happened());
    }
    return report;
  }

  CopyReport read_server(const std::string& url, const RecordVisitor& visit) const {
    CopyReport report{.format = engine::FileFormat::kServer};
    try {
      postgres::SnapshotReader reader(postgres::Address(url), {});
      read_rows(reader, report, visit);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      report.add_damage(error.happened());
    }
    return report;
  }

  CopyReport read_file(const env::Path& path, const RecordVisitor& visit) const {
    CopyReport report = engine::read_copy_file(world_.files,
                                               {.file = path,
                                                .collection = &collection_,
                                                .key = key_,
                                                .scratch = scratch_directory(world_)},
                                               visit, session_.progress());
    // JSON cannot tell that a letter is another one.
    if (!engine::is_as_exported(world_.files, path)) report.add_damage(engine::kNotAsExported);
    return report;
  }

  CopyReport read_history(const repository::DatabaseState& base,
                          const repository::DatabaseState& state, const engine::NewerPages& newer,
                          const RecordVisitor& visit) const {
    CopyReport report{.format = engine::FileFormat::kSqlite};
    if (!state.damage.empty()) report.add_damage(state.damage);
    try {
      engine::read_state(history_->reader, base, state, newer,
                         [&](RowReader& reader) { read_rows(reader, report, visit); });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      report.add_damage(error.happened());
    }
    return report;
  }

 private:
  struct History {
    explicit History(const repository::Repository& repository)
        : loaded(repository::load_index(repository)), reader(repository, loaded.index) {}
    repository::LoadedIndex loaded;
    repository::BlobReader reader;
  };

  void read_rows(RowReader& reader, CopyReport& report, const RecordVisitor& visit) const {
    std::optional<engine::RecordLayout> layout;
    try {
      layout = engine::layout_of_copy(reader, collection_, key_);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kTableMissing) throw;
      report.unrelated = true;
      return;
    }
    engine::read_table_copy(reader, *layout, report, visit, session_.progress());
  }

  Session& session_;
  const World& world_;
  const engine::Collection& collection_;
  const std::vector<std::string> key_;
  std::unique_ptr<History> history_;
};

class SourceSearch {
 public:
  SourceSearch(Session& session, const engine::Collection& collection,
               const std::vector<std::string>& key)
      : session_(session),
        world_(session.world()),
        collection_(collection),
        reader_(std::make_shared<SourceReader>(session, collection, key)) {}

  std::vector<RecoverySource> run(const std::vector<env::Path>& paths) {
    add_database();
    add_spool();
    add_exports();
    const env::Path emergency = emergency_directory(session_.configuration(), world_);
    if (world_.files.status(emergency)) add_path(emergency, 0);
    for (const env::Path& path : paths) {
      if (!world_.files.status(path)) {
        throw Error(ErrorCode::kNotFound, fmt::format("{} does not exist", path.string()));
      }
      add_path(path, 0);
    }
    add_history();
    return std::move(sources_);
  }

 private:
  void add_database() {
    if (const auto server =
            configured_server(collection_.database, session_.configuration(), world_)) {
      // When it was changed last cannot be told: no copy is newer.
      sources_.push_back(
          {.kind = "database",
           .place = server->source.place(),
           .seen = world_.clock.now(),
           .read = [reader = reader_, url = server->source.url](const RecordVisitor& visit) {
             return reader->read_server(url, visit);
           }});
      return;
    }
    const auto database =
        configured_database(collection_.database, session_.configuration(), world_);
    if (!database) return;
    const env::Path path = database->source.path;
    seen_.insert(path);
    sources_.push_back({.kind = "database",
                        .place = path.string(),
                        .seen = last_write_time(world_.files, path).value_or(Time{}),
                        .read = [reader = reader_, path](const RecordVisitor& visit) {
                          return reader->read_database(path, visit);
                        }});
  }

  void add_spool() {
    const env::Path folder =
        spool_directory(session_.configuration(), world_, collection_.database);
    if (folder.empty() || !world_.files.status(folder)) return;
    engine::Spool spool(world_.files, folder, 0);
    for (const engine::SpoolSegment& segment : spool.segments()) {
      if (segment.collection != collection_.name) continue;
      sources_.push_back(
          {.kind = "spool",
           .place = (folder / segment.name).string(),
           .seen = segment.written,
           .read = [&files = world_.files, folder, segment](const RecordVisitor& visit) {
             return read_spool(files, folder, segment, visit);
           }});
    }
  }

  static CopyReport read_spool(env::FileSystem& files, const env::Path& folder,
                               const engine::SpoolSegment& segment, const RecordVisitor& visit) {
    CopyReport report{.format = engine::FileFormat::kLines};
    auto content = engine::Spool(files, folder, 0).read(segment);
    for (engine::Write& write : content.writes) {
      if (write.kind != engine::WriteKind::kPut) continue;
      ++report.records;
      visit(write.record_id, std::move(write.record));
    }
    if (content.damaged) report.add_damage("a write in it is damaged");
    return report;
  }

  void add_exports() {
    const DatabaseConfiguration* database = session_.configuration().database(collection_.database);
    if (database == nullptr) return;
    for (const engine::ExportTarget& target : database->exports) {
      if (target.collection != collection_.name) continue;
      if (target.format == engine::ExportFormat::kFiles) add_folder_of_records(target.file);
      if (!is_file(world_, target.file) || target.format == engine::ExportFormat::kCsv) continue;
      add_file(target.file, "export");
    }
  }

  void add_folder_of_records(const env::Path& folder) {
    const auto listing = engine::read_listing(world_.files, folder);
    if (listing.empty()) add_path(folder, 0);
    for (const auto& [name, known] : listing) {
      const env::Path path = folder / name;
      if (!is_file(world_, path) || !add_file(path, "export")) continue;
      sources_.back().read = [&files = world_.files, reader = reader_, path,
                              known](const RecordVisitor& visit) {
        CopyReport report = reader->read_file(path, visit);
        const Bytes bytes = env::read_file(files, path);
        const engine::RecordFile::Content now{.size = bytes.size(),
                                              .digest = engine::text_digest(as_text(bytes))};
        if (now != known.content && now != known.before) report.add_damage(engine::kNotAsExported);
        return report;
      };
    }
  }

  void add_path(const env::Path& path, int depth) {
    const auto status = world_.files.status(path);
    if (!status) return;
    if (!status->directory) {
      const std::string name = path.filename().string();
      const bool emergency =
          name.starts_with("EMERGENCY_SAVE_") || name.starts_with("emergency_save_");
      add_file(path, emergency ? "emergency" : "file");
      return;
    }
    const bool repository = world_.files.status(path / "packs") &&
                            world_.files.status(path / "snapshots") &&
                            world_.files.status(path / "config");
    if (repository || depth > kDeepestFolder) {
      session_.progress().notice(fmt::format("{} is not looked through: it is {}", path.string(),
                                             repository ? "a repository" : "too deep"));
      return;
    }
    // A link may lead back to where it stands.
    std::error_code failed;
    const env::Path folder = std::filesystem::canonical(path, failed);
    if (failed || !seen_.insert(folder).second) return;
    for (const env::DirectoryEntry& entry : world_.files.list_names(path)) {
      if (is_no_copy(entry.name)) continue;
      add_path(path / entry.name, depth + 1);
    }
  }

  bool add_file(const env::Path& path, std::string kind) {
    if (!seen_.insert(path).second) return false;
    const auto status = world_.files.status(path);
    const auto named = time_in_name(path.filename().string());
    sources_.push_back({.kind = std::move(kind),
                        .place = path.string(),
                        .seen = named    ? *named
                                : status ? status->modified
                                         : Time{},
                        .read = [reader = reader_, path](const RecordVisitor& visit) {
                          return reader->read_file(path, visit);
                        }});
    return true;
  }

  void add_history() {
    if (!session_.has_place()) return;
    const repository::Repository& repository = session_.repository();
    reader_->open_history();
    auto list = repository::list_snapshots(repository);
    for (const std::string& object : list.unreadable) {
      sources_.push_back(
          {.kind = "snapshot", .place = object, .seen = {}, .read = [](const RecordVisitor&) {
             CopyReport report;
             report.add_damage("the snapshot is damaged");
             return report;
           }});
    }
    std::set<std::string> states;
    for (const repository::Snapshot& snapshot : list.snapshots) {
      const repository::DatabaseState* state = snapshot.database(collection_.database);
      if (state == nullptr) continue;
      if (!state->checksum.empty() && !states.insert(state->checksum).second) continue;
      sources_.push_back({.kind = "snapshot",
                          .place = snapshot.id.short_hex(),
                          .seen = snapshot.time,
                          .read = [reader = reader_, its = *state](const RecordVisitor& visit) {
                            return reader->read_history(its, its, {}, visit);
                          }});
    }
    const auto newest = repository::find_newest(load_timeline_of(session_, collection_.database));
    if (!newest) return;
    auto point = std::make_shared<engine::PointInTime>(
        engine::read_point(repository, *newest, collection_.database));
    if (states.contains(point->state.checksum)) return;
    sources_.push_back({.kind = "timeline",
                        .place = fmt::format("position {}", to_text(point->position)),
                        .seen = point->state.moment,
                        .read = [reader = reader_, point](const RecordVisitor& visit) {
                          return reader->read_history(point->base, point->state, point->overlay,
                                                      visit);
                        }});
  }

  Session& session_;
  const World& world_;
  const engine::Collection& collection_;
  std::shared_ptr<SourceReader> reader_;
  std::set<env::Path> seen_;
  std::vector<RecoverySource> sources_;
};

}  // namespace

std::vector<RecoverySource> find_recovery_sources(Session& session,
                                                  const engine::Collection& collection,
                                                  const std::vector<std::string>& key,
                                                  const std::vector<env::Path>& paths) {
  return SourceSearch(session, collection, key).run(paths);
}

std::optional<engine::RecordLayout> layout_in_history(Session& session,
                                                      const engine::Collection& collection) {
  if (!session.has_place()) return std::nullopt;
  const auto loaded = repository::load_index(session.repository());
  const repository::BlobReader reader(session.repository(), loaded.index);
  std::optional<engine::RecordLayout> layout;
  for (const auto& snapshot : repository::list_snapshots(session.repository()).snapshots) {
    const repository::DatabaseState* state = snapshot.database(collection.database);
    if (state == nullptr) continue;
    try {
      engine::read_state(reader, *state, *state, {}, [&](RowReader& rows) {
        layout = engine::layout_of_copy(rows, collection, {});
      });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      continue;  // an older one may tell
    }
    break;
  }
  return layout;
}

}  // namespace holdfast::service
