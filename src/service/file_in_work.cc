#include "service/file_in_work.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "env/randomness.h"

namespace holdfast::service {
namespace {

constexpr std::chrono::hours kOldFileInWork{24};

std::string prefix_of(const env::Path& target) {
  return fmt::format(".{}.tmp-", target.filename().string());
}

void remove_old(env::FileSystem& files, const env::Path& target, Time now) {
  const std::string prefix = prefix_of(target);
  for (const env::DirectoryEntry& entry : files.list_names(target.parent_path())) {
    if (!entry.name.starts_with(prefix)) continue;
    const env::Path path = target.parent_path() / entry.name;
    const auto status = files.status(path);
    if (!status || status->directory || now - status->modified < kOldFileInWork) continue;
    try {
      files.remove(path);
    } catch (const Error&) {
      // It is in nobody's way.
    }
  }
}

}  // namespace

FileInWork::FileInWork(env::FileSystem& files, const env::Path& target, Time now)
    : files_(files),
      target_(target),
      path_(target.parent_path() / (prefix_of(target) + env::random_name())) {
  files_.make_directories(target_.parent_path());
  remove_old(files_, target_, now);
  files_.create(path_);
}

FileInWork::~FileInWork() {
  if (done_) return;
  try {
    files_.remove(path_);
  } catch (const Error&) {
    // The failure that led here is the one to be told.
  }
}

void FileInWork::finish(bool replace) {
  files_.open_write(path_)->sync();
  if (replace) {
    files_.rename(path_, target_);
  } else {
    files_.rename_new(path_, target_);
  }
  done_ = true;
  files_.sync_directory(target_.parent_path());
}

}  // namespace holdfast::service
