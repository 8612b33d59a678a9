// Files that can lose their power, for crash tests.
//
// Below one root directory every call that changes something is numbered. A test runs some work
// once to learn how many there are, then again for each number, stopping the "process" there,
// losing what was not synced, and looking at what is left. Calls for other paths go through
// unchanged.
//
//   CrashFileSystem files(root);
//   files.stop_at(17);
//   try { backup(files); } catch (const CrashError&) {}
//   files.lose_unsynced(seed);  // the root is now what a power loss could have left
//   files.restart();            // or open the root through posix_file_system()
#ifndef HOLDFAST_ENV_CRASH_FILE_SYSTEM_H_
#define HOLDFAST_ENV_CRASH_FILE_SYSTEM_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "env/file_system.h"
#include "env/unsynced_content.h"
#include "env/unsynced_names.h"

namespace holdfast::env {

// The process has ended here. On purpose neither a holdfast::Error nor a std::exception: nobody may
// handle it.
class CrashError {
 public:
  explicit CrashError(std::string where) : where_(std::move(where)) {}
  const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
};

// Thread safe. Nothing is really synced: that would only cost time. The model is stricter than most
// file systems:
// - content survives once File::sync() has returned; before, any of its sectors may survive, and
// the new size without
//   the content (also for a file whose name is durable);
// - a name survives once sync_directory() of its directory has returned; before, each create,
// remove and rename
//   survives or not, each as a whole; a rename between directories is durable with the directory of
//   its new name;
// - mode and time are content;
// - what other programs write below the root is durable as found.
// Files must be closed before this object is destroyed.
class CrashFileSystem : public FileSystem {
 public:
  // What the operation that is stopped at has done: nothing, a part of its write, or all, but
  // nobody was told.
  enum class Effect { kNone, kPart, kWhole };

  // `root` exists. Its parent directory must be writable and in the same file system.
  explicit CrashFileSystem(Path root);

  // Operation `number` (the first is 1) and every later call below the root, also a reading one,
  // throw CrashError.
  void stop_at(std::uint64_t number, Effect effect = Effect::kNone);
  bool stopped() const { return stopped_; }
  // A new process: counts from 1 again and stops nowhere.
  void restart();

  // Since the start or restart().
  std::uint64_t operation_count() const;
  std::uint64_t read_count() const { return reads_; }
  // "17 write_at packs/ab 0+4096"
  std::string description(std::uint64_t number) const;

  // Rewrites the root to what a power loss could leave. Seed 0 loses everything that was not
  // synced; the others lose and keep at random, each always the same.
  void lose_unsynced(std::uint64_t seed);

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
  std::optional<FileStatus> status(const Path& path) override;
  std::vector<DirectoryEntry> list(const Path& path) override;
  std::uint64_t free_space(const Path& path) override;

 private:
  class CrashFile;

  Path normal(const Path& path) const;
  bool is_root(const Path& normal_path) const { return normal_path == root_; }
  bool is_below(const Path& normal_path) const;
  std::string name_of(const Path& normal_path) const;

  // One numbered operation. `part` does what a torn one leaves; empty if it leaves nothing.
  void operate(const std::string& description, const std::function<void()>& whole,
               const std::function<void()>& part = {});
  void count_read(std::string_view doing, const Path& path);
  void set_attributes(const Path& path, std::string_view verb, const std::function<void()>& set);
  void rename_below(const Path& from, const Path& to, bool replace);
  std::unique_ptr<File> wrap(std::unique_ptr<File> file, const Path& normal_path);

  const Path root_;
  FileSystem& base_;
  mutable std::mutex mutex_;
  std::atomic<bool> stopped_ = false;
  std::atomic<std::uint64_t> reads_ = 0;
  std::uint64_t stop_ = 0;
  Effect effect_ = Effect::kNone;
  std::vector<std::string> operations_;
  UnsyncedNames names_;
  UnsyncedContent content_;
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_CRASH_FILE_SYSTEM_H_
