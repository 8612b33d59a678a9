// A file that gets its name when it is complete and on the disk.
#ifndef HOLDFAST_SERVICE_FILE_IN_WORK_H_
#define HOLDFAST_SERVICE_FILE_IN_WORK_H_

#include "env/file_system.h"

namespace holdfast::service {

// An empty file of mode 0600 beside the target, gone again unless it was given the target's name.
// Folders that are missing are made. What a killed process left of one, more than a day ago, is
// cleared away.
class FileInWork {
 public:
  FileInWork(env::FileSystem& files, const env::Path& target, Time now);
  ~FileInWork();
  FileInWork(const FileInWork&) = delete;
  FileInWork& operator=(const FileInWork&) = delete;

  const env::Path& path() const { return path_; }
  // Syncs it, and puts it in place; throws kAlreadyExists if something is there that is not to be
  // replaced.
  void finish(bool replace);

 private:
  env::FileSystem& files_;
  env::Path target_, path_;
  bool done_ = false;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_FILE_IN_WORK_H_
