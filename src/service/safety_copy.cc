#include "service/safety_copy.h"

#include <fmt/format.h>

#include "base/error.h"
#include "service/backup_job.h"
#include "service/export_job.h"
#include "service/quiet_progress.h"
#include "service/snapshot_choice.h"

namespace holdfast::service {
namespace {

std::string copy_records(Session& session, const engine::Collection& collection,
                         std::string_view prefix) {
  const World& world = session.world();
  const env::Path folder = emergency_directory(session.configuration(), world);
  world.files.make_directories(folder);
  const std::string name =
      fmt::format("{}_{}_{}", prefix, collection.name, format_compact(world.clock.now()));
  env::Path file = folder / (name + ".json.b64");
  for (int number = 2; world.files.status(file); ++number) {
    file = folder / fmt::format("{}-{}.json.b64", name, number);
  }
  QuietProgress quiet(session.progress());
  const auto outcomes = export_database(session.configuration(), world,
                                        {.database = collection.database,
                                         .targets = {{.collection = collection.name,
                                                      .file = file,
                                                      .format = engine::ExportFormat::kObject,
                                                      .base64 = true}}},
                                        quiet);
  if (outcomes.front().failure) throw *outcomes.front().failure;
  return file.string();
}

}  // namespace

SafetyCopy take_safety_copy(Session& session, Records& records,
                            const engine::Collection& collection, std::string_view prefix) {
  SafetyCopy copy;
  const auto database =
      configured_database(collection.database, session.configuration(), session.world());
  if (database && session.has_place()) {
    QuietProgress quiet(session.progress());
    const BackupOutcome outcome = back_up(
        session,
        {.databases = {*database}, .name = {}, .tags = {std::string(kSafetyTag)}, .keep = {}});
    copy.snapshot = outcome.backup.snapshot.id.short_hex();
  } else if (records.list(collection.name, {.filters = {}, .sort = {}, .size = 1}).total > 0) {
    copy.file = copy_records(session, collection, prefix);
  }
  return copy;
}

}  // namespace holdfast::service
