#include "service/export_job.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/exports/collection_text.h"
#include "engine/exports/encoded_window.h"
#include "engine/records/spool.h"
#include "postgres/snapshot_reader.h"
#include "service/databases.h"
#include "service/nearest_word.h"
#include "service/quiet_progress.h"
#include "service/record_settings.h"
#include "service/records.h"
#include "sqlite/view_reader.h"

namespace holdfast::service {
namespace {

using engine::ExportFormat;
using engine::ExportTarget;

// A table without an index of the right order is sorted before its first row comes.
constexpr postgres::Timeouts kSlowReads{.statement = std::chrono::minutes(10)};

const engine::Collection& collection_named(const Configuration& configuration,
                                           const std::string& name) {
  if (const auto* found = configuration.collection(name)) return *found;
  std::vector<std::string> names;
  for (const auto& each : configuration.collections) names.push_back(each.name);
  const std::string near = nearest_word(name, names);
  throw Error(ErrorCode::kCollectionUnknown,
              fmt::format("there is no collection \"{}\"{}", name,
                          near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

// The one that is meant where a file is named.
const engine::Collection& one_collection(const Configuration& configuration,
                                         const ExportChoice& choice) {
  if (!choice.collection.empty()) return collection_named(configuration, choice.collection);
  std::vector<const engine::Collection*> known;
  for (const auto& each : configuration.collections) {
    if (choice.databases.empty() ||
        std::ranges::find(choice.databases, each.database) != choice.databases.end()) {
      known.push_back(&each);
    }
  }
  if (known.size() == 1) return *known.front();
  throw Error(ErrorCode::kUsage, "say with --collection which collection is to be exported");
}

std::vector<engine::Write> waiting_writes(env::FileSystem& files, const env::Path& folder) {
  std::vector<engine::Write> writes;
  engine::Spool spool(files, folder, 0);
  for (const engine::SpoolSegment& segment : spool.segments()) {
    try {
      auto content = spool.read(segment);
      std::ranges::move(content.writes, std::back_inserter(writes));
    } catch (const Error& error) {
      // Somebody has drained it meanwhile.
      if (error.code() != ErrorCode::kNotFound) throw;
    }
  }
  return writes;
}

engine::ExportRequest request_of(const Configuration& configuration, const World& world,
                                 const std::string& name, std::vector<ExportTarget> targets) {
  const DatabaseConfiguration* database = configuration.database(name);
  if (database == nullptr) {
    throw Error(ErrorCode::kDatabaseUnknown, fmt::format("no database {} is configured", name));
  }
  const ResolvedSource source = resolve_database(*database, configuration, world).source;
  const env::Path& path = source.path;
  if (is_pattern(path, world)) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("{} is many files; an export needs one database", name));
  }
  engine::ExportRequest request{
      .database = name,
      .collections = configuration.collections,
      .targets = std::move(targets),
      .open = [path, url = source.url,
               patience = configuration.records.patience]() -> std::unique_ptr<RowReader> {
        if (!url.empty()) {
          return std::make_unique<postgres::SnapshotReader>(postgres::Address(url), kSlowReads);
        }
        return std::make_unique<sqlite::ViewReader>(path, patience);
      },
      .pending = {}};
  if (const env::Path state = default_state_directory(world); !state.empty()) {
    request.index_folder = state / "exports";
  }
  const env::Path spool = spool_directory(configuration, world, name);
  if (!spool.empty() && world.files.status(spool)) {
    request.pending = [&files = world.files, spool] { return waiting_writes(files, spool); };
  }
  // Whoever may read the database may read its exports, and nobody else.
  if (!path.empty()) {
    if (const auto status = world.files.status(path)) request.mode = 0600 | (status->mode & 0666);
  }
  return request;
}

}  // namespace

std::vector<DatabaseExports> choose_exports(const Configuration& configuration,
                                            const ExportChoice& choice) {
  for (const std::string& name : choice.databases) {
    if (configuration.database(name) == nullptr) {
      throw Error(ErrorCode::kDatabaseUnknown, fmt::format("no database {} is configured", name));
    }
  }
  if (!choice.file.empty()) {
    const engine::Collection& collection = one_collection(configuration, choice);
    ExportTarget target{.collection = collection.name,
                        .file = choice.file,
                        .format = engine::format_of_file(choice.file),
                        .base64 = choice.base64 || env::Path(choice.file).extension() == ".b64"};
    if (!choice.format.empty()) {
      const auto format = engine::format_of_name(choice.format);
      if (!format) {
        throw Error(
            ErrorCode::kUsage,
            fmt::format("\"{}\" is no format; there are object, array, jsonl, csv and files",
                        choice.format));
      }
      target.format = *format;
    }
    if (target.format == ExportFormat::kFiles) {
      if (choice.base64) {
        throw Error(ErrorCode::kUsage, "one file per record is not written in base64");
      }
      if (!target.file.has_filename()) target.file = target.file.parent_path();  // "videos/"
    }
    return {{.database = collection.database, .targets = {target}}};
  }
  if (!choice.format.empty() || choice.base64) {
    throw Error(ErrorCode::kUsage, "--format and --base64 are of the file that --to names");
  }
  if (!choice.collection.empty()) collection_named(configuration, choice.collection);
  std::vector<DatabaseExports> chosen;
  for (const DatabaseConfiguration& database : configuration.databases) {
    if (!choice.databases.empty() &&
        std::ranges::find(choice.databases, database.name) == choice.databases.end()) {
      continue;
    }
    DatabaseExports exports{.database = database.name, .targets = {}};
    std::ranges::copy_if(
        database.exports, std::back_inserter(exports.targets), [&](const ExportTarget& target) {
          return choice.collection.empty() || target.collection == choice.collection;
        });
    if (!exports.targets.empty()) chosen.push_back(std::move(exports));
  }
  if (chosen.empty()) {
    throw Error(ErrorCode::kConfiguration, "nothing of it is configured to be exported", {},
                "Add [[databases.NAME.exports]] to holdfast.toml, or name a file with --to.");
  }
  return chosen;
}

std::vector<engine::ExportOutcome> export_database(const Configuration& configuration,
                                                   const World& world,
                                                   const DatabaseExports& exports,
                                                   Progress& progress) {
  return engine::run_exports(world.files, world.clock,
                             request_of(configuration, world, exports.database, exports.targets),
                             progress);
}

std::vector<engine::ExportCheck> check_database_exports(const Configuration& configuration,
                                                        const World& world,
                                                        const DatabaseExports& exports,
                                                        Progress& progress) {
  return engine::check_exports(
      world.files, request_of(configuration, world, exports.database, exports.targets), progress);
}

std::vector<std::string> export_after_writes(const Configuration& configuration, const World& world,
                                             std::string_view name, Progress& progress) {
  std::vector<std::string> sentences;
  const DatabaseConfiguration* database = configuration.database(name);
  if (database == nullptr || database->exports.empty()) return sentences;
  try {
    QuietProgress quiet(progress);
    for (const auto& outcome :
         export_database(configuration, world,
                         {.database = database->name, .targets = database->exports}, quiet)) {
      if (outcome.failure) {
        sentences.push_back(fmt::format("the export {} failed: {}", outcome.target.file.string(),
                                        outcome.failure->happened()));
      } else if (std::string notice = notice_of(outcome); !notice.empty()) {
        sentences.push_back(std::move(notice));
      }
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    sentences.push_back(fmt::format("the exports of {} failed: {}", name, error.happened()));
  }
  return sentences;
}

std::uint64_t export_to(const Configuration& configuration, const World& world,
                        const ExportTarget& target, const std::string& database,
                        const std::function<void(std::string_view)>& sink, Progress& progress) {
  if (target.format == ExportFormat::kFiles) {
    throw Error(ErrorCode::kUsage, "one file per record needs a folder: name one with --to");
  }
  const engine::ExportRequest request = request_of(configuration, world, database, {});
  const auto reader = request.open();
  engine::EncodedWindow window(target.base64, [&](ByteView bytes) { sink(as_text(bytes)); });
  const engine::TextStream stream{
      .format = target.format, .sink = [&](const engine::TextPiece& piece) { window.add(*piece); }};
  const auto pending = request.pending ? request.pending() : std::vector<engine::Write>();
  const std::uint64_t records =
      engine::print_collection(*reader, collection_named(configuration, target.collection),
                               std::span(&stream, 1), pending, progress);
  window.finish();
  return records;
}

std::string notice_of(const engine::ExportOutcome& outcome) {
  const std::string file = outcome.target.file.string();
  if (outcome.target.format == ExportFormat::kFiles && outcome.publication.surprises > 0) {
    const std::string kept = outcome.publication.kept.string();
    return fmt::format("{} of the files in {} were not as the last export left them{}",
                       outcome.publication.surprises, file,
                       kept.empty() ? std::string() : fmt::format("; they are kept as {} …", kept));
  }
  switch (outcome.publication.found) {
    case engine::FoundFile::kDeleted:
      return fmt::format("{} was gone since its last export; it is there again", file);
    case engine::FoundFile::kChanged:
      return fmt::format("{} was changed or damaged since its last export; it is kept as {}", file,
                         outcome.publication.kept.string());
    case engine::FoundFile::kStranger:
      return fmt::format("{} was not exported by Holdfast; it is kept as {}", file,
                         outcome.publication.kept.string());
    case engine::FoundFile::kNone:
    case engine::FoundFile::kOurs:
      break;
  }
  return {};
}

}  // namespace holdfast::service
