// Files on a disk that is full, fails or is read-only, for tests.
#ifndef HOLDFAST_ENV_FAULT_FILE_SYSTEM_H_
#define HOLDFAST_ENV_FAULT_FILE_SYSTEM_H_

#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

#include "env/file_system.h"

namespace holdfast::env {

// Passes everything on to `base`, except what is told to fail. Thread safe.
class FaultFileSystem : public FileSystem {
 public:
  enum class Verb {
    kRead,   // File::read_at
    kWrite,  // File::write_at and allocate; half of a failing write is written
    kSync,   // File::sync and sync_directory
    kName,   // create, rename, rename_new, remove, make_directories
  };
  struct Fault {
    Verb verb = Verb::kWrite;
    int error_number = 0;    // ENOSPC, EIO …
    Path below{};            // only for this path and those below; empty: all
    std::uint64_t skip = 0;  // this many matching calls succeed first
    std::uint64_t times = std::numeric_limits<std::uint64_t>::max();  // then so many fail
  };

  explicit FaultFileSystem(FileSystem& base) : base_(base) {}

  void inject(Fault fault);
  void fill_disk(const Path& below);       // every write there: ENOSPC
  void break_reading(const Path& below);   // every read there: EIO
  void make_read_only(const Path& below);  // every change there, and opening for one: EROFS
  void repair();                           // no faults from now on
  std::uint64_t faults() const;            // how many calls have failed here

  std::unique_ptr<File> open_read(const Path& path) override;
  std::unique_ptr<File> create(const Path& path) override;
  std::unique_ptr<File> open_write(const Path& path) override;
  void rename(const Path& from, const Path& to) override;
  void rename_new(const Path& from, const Path& to) override;
  void link(const Path& from, const Path& to) override;
  void remove(const Path& path) override;
  void set_mode(const Path& path, unsigned mode) override;
  void copy_owner(const Path& from, const Path& to) override;
  void set_modified(const Path& path, Time time) override;
  void make_directories(const Path& path) override;
  void sync_directory(const Path& path) override;
  std::optional<FileStatus> status(const Path& path) override { return base_.status(path); }
  std::vector<DirectoryEntry> list(const Path& path) override { return base_.list(path); }
  std::uint64_t free_space(const Path& path) override;

 private:
  class FaultFile;

  int failure(Verb verb, const Path& path);
  void meet(Verb verb, const Path& path);
  void refuse_read_only(const Path& path);
  std::unique_ptr<File> wrap(std::unique_ptr<File> file, const Path& path);

  FileSystem& base_;
  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
  std::vector<Path> read_only_;
  std::uint64_t failed_ = 0;
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_FAULT_FILE_SYSTEM_H_
