// The files that Holdfast itself writes, behind a seam that tests replace.
//
// Thread safety: a FileSystem may be used from several threads; a File may be read and written at
// different offsets by several threads at once, its other members by one thread at a time.
// Durability: nothing is durable until File::sync() has returned for its content and
// FileSystem::sync_directory() for its name. Every call throws holdfast::Error on failure
// (kNotFound, kAlreadyExists, kDiskFull, kPermissionDenied, kIo); a failed write may have written a
// part. Modes: files are created 0600, directories 0700, whatever the umask.
#ifndef HOLDFAST_ENV_FILE_SYSTEM_H_
#define HOLDFAST_ENV_FILE_SYSTEM_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace holdfast::env {

using Path = std::filesystem::path;

class File {
 public:
  virtual ~File() = default;  // closes; never syncs, never throws

  // Reads up to out.size() bytes; fewer only at the end of the file.
  [[nodiscard]] virtual std::size_t read_at(std::uint64_t offset, MutableByteView out) = 0;
  virtual void write_at(std::uint64_t offset, ByteView bytes) = 0;
  // Reserves space, so that later writes are faster and a full disk is met early. A file system
  // that cannot do this is no error. Sets the size of the file to at least `size`.
  virtual void allocate(std::uint64_t size) = 0;
  virtual void truncate(std::uint64_t size) = 0;
  // Starts writing this range back to the device without waiting: a hint, not durability.
  virtual void start_writeback(std::uint64_t offset, std::uint64_t size) = 0;
  // A hint, given before the file is shared between threads: large reads and large aligned writes
  // from now on may go around the operating system's page cache. Copying into the cache costs more
  // than a fast device takes, and it pushes out what the application needs there.
  virtual void bypass_cache() {}
  virtual void sync() = 0;
  virtual std::uint64_t size() = 0;
  // Whether nobody else has the file open or mapped, and it has no second name: what is changed in
  // it then, nobody sees. False where that cannot be told.
  virtual bool is_ours_alone() { return false; }
};

struct FileStatus {
  std::uint64_t size = 0;
  Time modified{};
  bool directory = false;
  unsigned mode = 0;  // permission bits
  // Equal for one file under any name, and unlike that of every other file that exists at the same
  // time.
  std::uint64_t identity = 0;
  // When its content, its names, its mode or its owner changed: nobody can set it back.
  Time changed{};
};

struct DirectoryEntry {
  std::string name;
  FileStatus status;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual std::unique_ptr<File> open_read(const Path& path) = 0;
  // For reading and writing. create() fails with kAlreadyExists if there is one.
  virtual std::unique_ptr<File> create(const Path& path) = 0;
  virtual std::unique_ptr<File> open_write(const Path& path) = 0;

  // Replaces `to` atomically. rename_new() fails with kAlreadyExists instead, also atomically.
  virtual void rename(const Path& from, const Path& to) = 0;
  virtual void rename_new(const Path& from, const Path& to) = 0;
  // A second name for a file, in the same file system. Fails with kAlreadyExists.
  virtual void link(const Path& from, const Path& to) = 0;
  virtual void remove(const Path& path) = 0;  // a file, or an empty directory
  virtual void set_mode(const Path& path, unsigned mode) = 0;
  // Gives `to` the user and group of `from`, as far as this process may: being denied is no error.
  virtual void copy_owner(const Path& from, const Path& to) = 0;
  virtual void set_modified(const Path& path, Time time) = 0;
  // Makes missing parents too, and syncs each directory that got a new entry.
  virtual void make_directories(const Path& path) = 0;
  virtual void sync_directory(const Path& path) = 0;

  // Empty if there is nothing at `path`.
  virtual std::optional<FileStatus> status(const Path& path) = 0;
  // Sorted by name; without "." and "..". Entries that vanish meanwhile are left out.
  virtual std::vector<DirectoryEntry> list(const Path& path) = 0;
  // As list(), but of each status only `directory` is told.
  virtual std::vector<DirectoryEntry> list_names(const Path& path) { return list(path); }
  // The same entries in any order, for folders of very many.
  using NameVisitor = std::function<void(std::string_view name, bool directory)>;
  virtual void visit_names(const Path& path, const NameVisitor& visit) {
    for (const DirectoryEntry& entry : list_names(path)) visit(entry.name, entry.status.directory);
  }
  // Bytes that this process may still write below `path`.
  virtual std::uint64_t free_space(const Path& path) = 0;
};

// The operating system's. One object, no state.
FileSystem& posix_file_system();

// Whole small files. write_file_atomically writes beside (".NAME.tmp-<random>"), syncs, renames and
// syncs the directory: afterwards the file is the old or the new one, never a mixture.
Bytes read_file(FileSystem& files, const Path& path);
void write_file_atomically(FileSystem& files, const Path& path, ByteView content);
// The same without a sync, for what can be made again: after a power loss the file may be anything.
void write_cache_file(FileSystem& files, const Path& path, const std::function<void(File&)>& fill);

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_FILE_SYSTEM_H_
