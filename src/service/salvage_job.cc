#include "service/salvage_job.h"

#include <fmt/format.h>

#include "base/error.h"
#include "service/file_in_work.h"
#include "sqlite/companion_files.h"
#include "sqlite/salvage/damaged_image.h"

namespace holdfast::service {
namespace {

Error target_exists(const env::Path& path) {
  return Error(ErrorCode::kTargetExists, fmt::format("{} exists already", path.string()));
}

void check_target(env::FileSystem& files, const SalvageRequest& request) {
  const auto there = files.status(request.target);
  const auto source = files.status(request.source);
  if (there && source && there->identity == source->identity) {
    throw Error(ErrorCode::kUsage, "a database cannot be salvaged into itself", {},
                "Say another path with --to.");
  }
  if (there && (there->directory || !request.replace)) throw target_exists(request.target);
  // SQLite would take them for the new database's.
  for (const auto& beside :
       {sqlite::wal_path(request.target), sqlite::journal_path(request.target)}) {
    if (files.status(beside)) throw target_exists(beside);
  }
}

}  // namespace

sqlite::SalvageReport salvage(const World& world, const SalvageRequest& request,
                              Progress& progress) {
  env::FileSystem& files = world.files;
  const sqlite::DamagedImage image = sqlite::open_damaged_image(request.source);
  check_target(files, request);
  if (files.status(sqlite::journal_path(request.source))) {
    progress.warning(fmt::format(
        "{} has a rollback journal beside it, which is not played back: what the transaction it "
        "belongs to had written is taken as it stands",
        request.source.string()));
  }
  FileInWork file(files, request.target, world.clock.now());
  sqlite::SalvageReport report = sqlite::salvage(image, file.path(), request.options, progress);
  file.finish(request.replace);
  return report;
}

}  // namespace holdfast::service
