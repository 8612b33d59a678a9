#include "service/salvage_job.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/error.h"
#include "env/randomness.h"
#include "sqlite/companion_files.h"
#include "sqlite/salvage/damaged_image.h"

namespace holdfast::service {
namespace {

// An empty file beside the target, gone again unless it was given the target's name.
class FileInWork {
 public:
  FileInWork(env::FileSystem& files, const env::Path& target)
      : files_(files),
        target_(target),
        path_(target.parent_path() /
              fmt::format(".{}.tmp-{}", target.filename().string(), env::random_name())) {
    files_.make_directories(target_.parent_path());
    files_.create(path_);
  }
  FileInWork(const FileInWork&) = delete;
  FileInWork& operator=(const FileInWork&) = delete;
  ~FileInWork() {
    if (done_) return;
    try {
      files_.remove(path_);
    } catch (const Error&) {
      // The failure that led here is the one to be told.
    }
  }

  const env::Path& path() const { return path_; }
  void finish(bool replace) {
    files_.open_write(path_)->sync();
    if (replace) {
      files_.rename(path_, target_);
    } else {
      files_.rename_new(path_, target_);
    }
    done_ = true;
    files_.sync_directory(target_.parent_path());
  }

 private:
  env::FileSystem& files_;
  env::Path target_, path_;
  bool done_ = false;
};

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
  FileInWork file(files, request.target);
  sqlite::SalvageReport report = sqlite::salvage(image, file.path(), request.options, progress);
  file.finish(request.replace);
  return report;
}

}  // namespace holdfast::service
