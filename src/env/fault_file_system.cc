#include "env/fault_file_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/error.h"

namespace holdfast::env {
namespace {

bool begins_with(const Path& path, const Path& prefix) {
  if (prefix.empty()) return true;
  const Path whole = std::filesystem::absolute(path).lexically_normal();
  const Path start = std::filesystem::absolute(prefix / "").lexically_normal().parent_path();
  return std::mismatch(start.begin(), start.end(), whole.begin(), whole.end()).first == start.end();
}

}  // namespace

class FaultFileSystem::FaultFile : public File {
 public:
  FaultFile(FaultFileSystem& files, std::unique_ptr<File> base, Path path)
      : files_(files), base_(std::move(base)), path_(std::move(path)) {}

  std::size_t read_at(std::uint64_t offset, MutableByteView out) override {
    files_.meet(Verb::kRead, path_);
    return base_->read_at(offset, out);
  }
  void write_at(std::uint64_t offset, ByteView bytes) override {
    if (const int number = files_.failure(Verb::kWrite, path_)) {
      base_->write_at(offset, bytes.first(bytes.size() / 2));
      throw system_error(number, fmt::format("cannot write {}", path_.native()));
    }
    base_->write_at(offset, bytes);
  }
  void allocate(std::uint64_t size) override {
    files_.meet(Verb::kWrite, path_);
    base_->allocate(size);
  }
  void truncate(std::uint64_t size) override { base_->truncate(size); }
  void start_writeback(std::uint64_t offset, std::uint64_t size) override {
    base_->start_writeback(offset, size);
  }
  void sync() override {
    files_.meet(Verb::kSync, path_);
    base_->sync();
  }
  std::uint64_t size() override { return base_->size(); }
  bool is_ours_alone() override { return base_->is_ours_alone(); }

 private:
  FaultFileSystem& files_;
  const std::unique_ptr<File> base_;
  const Path path_;
};

void FaultFileSystem::inject(Fault fault) {
  const std::scoped_lock lock(mutex_);
  faults_.push_back(std::move(fault));
}

void FaultFileSystem::fill_disk(const Path& below) {
  inject({.verb = Verb::kWrite, .error_number = ENOSPC, .below = below});
}

void FaultFileSystem::break_reading(const Path& below) {
  inject({.verb = Verb::kRead, .error_number = EIO, .below = below});
}

void FaultFileSystem::make_read_only(const Path& below) {
  const std::scoped_lock lock(mutex_);
  read_only_.push_back(below);
}

void FaultFileSystem::repair() {
  const std::scoped_lock lock(mutex_);
  faults_.clear();
  read_only_.clear();
}

std::uint64_t FaultFileSystem::faults() const {
  const std::scoped_lock lock(mutex_);
  return failed_;
}

std::unique_ptr<File> FaultFileSystem::open_read(const Path& path) {
  return wrap(base_.open_read(path), path);
}

std::unique_ptr<File> FaultFileSystem::create(const Path& path) {
  refuse_read_only(path);
  meet(Verb::kName, path);
  return wrap(base_.create(path), path);
}

std::unique_ptr<File> FaultFileSystem::open_write(const Path& path) {
  refuse_read_only(path);
  return wrap(base_.open_write(path), path);
}

void FaultFileSystem::rename(const Path& from, const Path& to) {
  refuse_read_only(from);
  refuse_read_only(to);
  meet(Verb::kName, to);
  base_.rename(from, to);
}

void FaultFileSystem::rename_new(const Path& from, const Path& to) {
  refuse_read_only(from);
  refuse_read_only(to);
  meet(Verb::kName, to);
  base_.rename_new(from, to);
}

void FaultFileSystem::link(const Path& from, const Path& to) {
  refuse_read_only(to);
  meet(Verb::kName, to);
  base_.link(from, to);
}

void FaultFileSystem::remove(const Path& path) {
  refuse_read_only(path);
  meet(Verb::kName, path);
  base_.remove(path);
}

void FaultFileSystem::set_mode(const Path& path, unsigned mode) {
  refuse_read_only(path);
  base_.set_mode(path, mode);
}

void FaultFileSystem::copy_owner(const Path& from, const Path& to) {
  refuse_read_only(to);
  base_.copy_owner(from, to);
}

void FaultFileSystem::set_modified(const Path& path, Time time) {
  refuse_read_only(path);
  base_.set_modified(path, time);
}

void FaultFileSystem::make_directories(const Path& path) {
  const auto existing = base_.status(path);
  if (!existing) {
    refuse_read_only(path);
    meet(Verb::kName, path);
  }
  base_.make_directories(path);
}

void FaultFileSystem::sync_directory(const Path& path) {
  meet(Verb::kSync, path);
  base_.sync_directory(path);
}

std::uint64_t FaultFileSystem::free_space(const Path& path) {
  const std::scoped_lock lock(mutex_);
  const bool full = std::any_of(faults_.begin(), faults_.end(), [&](const Fault& fault) {
    return fault.error_number == ENOSPC && fault.skip == 0 && begins_with(path, fault.below);
  });
  return full ? 0 : base_.free_space(path);
}

int FaultFileSystem::failure(Verb verb, const Path& path) {
  const std::scoped_lock lock(mutex_);
  for (Fault& fault : faults_) {
    if (fault.verb != verb || !begins_with(path, fault.below)) continue;
    if (fault.skip > 0) {
      --fault.skip;
    } else if (fault.times > 0) {
      --fault.times;
      ++failed_;
      return fault.error_number;
    }
  }
  return 0;
}

void FaultFileSystem::meet(Verb verb, const Path& path) {
  if (const int number = failure(verb, path)) {
    throw system_error(number, fmt::format("cannot use {}", path.native()));
  }
}

void FaultFileSystem::refuse_read_only(const Path& path) {
  const std::scoped_lock lock(mutex_);
  for (const Path& below : read_only_) {
    if (!begins_with(path, below)) continue;
    ++failed_;
    throw system_error(EROFS, fmt::format("cannot change {}", path.native()));
  }
}

std::unique_ptr<File> FaultFileSystem::wrap(std::unique_ptr<File> file, const Path& path) {
  return std::make_unique<FaultFile>(*this, std::move(file), path);
}

}  // namespace holdfast::env
