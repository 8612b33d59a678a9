#include "env/crash_file_system.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "env/randomness.h"

namespace holdfast::env {

class CrashFileSystem::CrashFile : public File {
 public:
  CrashFile(CrashFileSystem& files, std::unique_ptr<File> base, std::string name,
            std::optional<ino_t> inode)
      : files_(files), base_(std::move(base)), name_(std::move(name)), inode_(inode) {}

  ~CrashFile() override {
    if (!inode_) return;
    const std::scoped_lock lock(files_.mutex_);
    files_.content_.closed(*inode_);
  }

  std::size_t read_at(std::uint64_t offset, MutableByteView out) override {
    files_.count_read("read_at", name_);
    return base_->read_at(offset, out);
  }

  void write_at(std::uint64_t offset, ByteView bytes) override {
    const auto write = [&](ByteView written) {
      if (inode_) files_.content_.will_write(*inode_, offset, written);
      base_->write_at(offset, written);
    };
    files_.operate(
        fmt::format("write_at {} {}+{}", name_, offset, bytes.size()), [&] { write(bytes); },
        [&] { write(bytes.first(bytes.size() / 2)); });
  }

  void allocate(std::uint64_t size) override {
    files_.operate(fmt::format("allocate {} {}", name_, size), [&] {
      if (inode_ && base_->size() < size) files_.content_.will_resize(*inode_, size);
      base_->allocate(size);
    });
  }

  void truncate(std::uint64_t size) override {
    files_.operate(fmt::format("truncate {} {}", name_, size), [&] {
      if (inode_) files_.content_.will_resize(*inode_, size);
      base_->truncate(size);
    });
  }

  void start_writeback(std::uint64_t, std::uint64_t) override {
    files_.count_read("start_writeback", name_);
  }

  void sync() override {
    files_.operate(fmt::format("sync {}", name_), [&] {
      if (inode_) files_.content_.synced(*inode_);
    });
  }

  std::uint64_t size() override {
    files_.count_read("size", name_);
    return base_->size();
  }

  bool is_ours_alone() override {
    files_.count_read("is_ours_alone", name_);
    return inode_.has_value();  // the log of what may be lost has it open, too
  }

 private:
  CrashFileSystem& files_;
  const std::unique_ptr<File> base_;
  const std::string name_;
  const std::optional<ino_t> inode_;  // empty if opened for reading
};

CrashFileSystem::CrashFileSystem(Path root)
    : root_(std::filesystem::absolute(root / ".").lexically_normal().parent_path()),
      base_(posix_file_system()),
      names_(root_.parent_path() / ("." + root_.filename().string() + ".lost-" + random_name())) {}

void CrashFileSystem::stop_at(std::uint64_t number, Effect effect) {
  const std::scoped_lock lock(mutex_);
  stop_ = number;
  effect_ = effect;
}

void CrashFileSystem::restart() {
  const std::scoped_lock lock(mutex_);
  stopped_ = false;
  stop_ = 0;
  reads_ = 0;
  operations_.clear();
}

std::uint64_t CrashFileSystem::operation_count() const {
  const std::scoped_lock lock(mutex_);
  return operations_.size();
}

std::string CrashFileSystem::description(std::uint64_t number) const {
  const std::scoped_lock lock(mutex_);
  if (number == 0 || number > operations_.size()) return fmt::format("{} (never reached)", number);
  return fmt::format("{} {}", number, operations_[number - 1]);
}

void CrashFileSystem::lose_unsynced(std::uint64_t seed) {
  const std::scoped_lock lock(mutex_);
  std::mt19937_64 random(seed);
  constexpr Survival kChoices[] = {Survival::kNothing, Survival::kEverything, Survival::kPrefix,
                                   Survival::kRandom, Survival::kRandom};
  const auto choose = [&] {
    return seed == 0 ? Survival::kNothing : kChoices[random() % std::size(kChoices)];
  };
  content_.lose(choose(), random);
  names_.lose(choose(), random);
}

std::unique_ptr<File> CrashFileSystem::open_read(const Path& path) {
  const Path place = normal(path);
  if (!is_below(place)) return base_.open_read(path);
  count_read("open_read", place);
  return std::make_unique<CrashFile>(*this, base_.open_read(place), name_of(place), std::nullopt);
}

std::unique_ptr<File> CrashFileSystem::open_write(const Path& path) {
  const Path place = normal(path);
  if (!is_below(place)) return base_.open_write(path);
  count_read("open_write", place);
  return wrap(base_.open_write(place), place);
}

std::unique_ptr<File> CrashFileSystem::create(const Path& path) {
  const Path place = normal(path);
  if (!is_below(place)) return base_.create(path);
  std::unique_ptr<File> file;
  operate("create " + name_of(place), [&] {
    file = base_.create(place);
    names_.appeared(place);
  });
  return wrap(std::move(file), place);
}

void CrashFileSystem::rename(const Path& from, const Path& to) {
  if (is_below(normal(from)) && is_below(normal(to))) {
    rename_below(normal(from), normal(to), true);
  } else {
    base_.rename(from, to);
  }
}

void CrashFileSystem::rename_new(const Path& from, const Path& to) {
  if (is_below(normal(from)) && is_below(normal(to))) {
    rename_below(normal(from), normal(to), false);
  } else {
    base_.rename_new(from, to);
  }
}

void CrashFileSystem::link(const Path& from, const Path& to) {
  const Path place = normal(to);
  if (!is_below(place)) return base_.link(from, to);
  operate(fmt::format("link {} {}", name_of(normal(from)), name_of(place)), [&] {
    base_.link(from, to);
    names_.appeared(place);
  });
}

void CrashFileSystem::rename_below(const Path& from, const Path& to, bool replace) {
  const auto verb = replace ? "rename" : "rename_new";
  operate(fmt::format("{} {} {}", verb, name_of(from), name_of(to)), [&] {
    if (!replace) {
      base_.rename_new(from, to);
      names_.renamed(from, to, {});
      return;
    }
    Path grave;
    if (const auto replaced = base_.status(to); replaced && !replaced->directory) {
      grave = names_.new_grave();
      if (::link(to.c_str(), grave.c_str()) != 0) {
        throw system_error(errno, fmt::format("cannot keep {}", to.native()));
      }
    }
    try {
      base_.rename(from, to);
    } catch (const Error&) {
      if (!grave.empty()) ::unlink(grave.c_str());
      throw;
    }
    names_.renamed(from, to, grave);
  });
}

void CrashFileSystem::remove(const Path& path) {
  const Path place = normal(path);
  if (!is_below(place)) return base_.remove(path);
  operate("remove " + name_of(place), [&] {
    struct stat found{};
    const bool removable = ::lstat(place.c_str(), &found) == 0 &&
                           (!S_ISDIR(found.st_mode) || base_.list(place).empty());
    if (removable) {
      const Path grave = names_.new_grave();
      if (::rename(place.c_str(), grave.c_str()) == 0) {
        names_.disappeared(place, grave);
        return;
      }
    }
    base_.remove(place);  // throws the error that it is
  });
}

void CrashFileSystem::set_mode(const Path& path, unsigned mode) {
  set_attributes(path, "set_mode", [&] { base_.set_mode(path, mode); });
}

void CrashFileSystem::copy_owner(const Path& from, const Path& to) {
  set_attributes(to, "copy_owner", [&] { base_.copy_owner(from, to); });
}

void CrashFileSystem::set_modified(const Path& path, Time time) {
  set_attributes(path, "set_modified", [&] { base_.set_modified(path, time); });
}

void CrashFileSystem::set_attributes(const Path& path, std::string_view verb,
                                     const std::function<void()>& set) {
  const Path place = normal(path);
  if (!is_below(place)) return set();
  operate(fmt::format("{} {}", verb, name_of(place)), [&] {
    const ino_t inode = content_.opened(place);
    content_.will_set_attributes(inode);
    set();
    content_.did_set_attributes(inode);
    content_.closed(inode);
  });
}

void CrashFileSystem::make_directories(const Path& path) {
  const Path place = normal(path);
  if (!is_below(place)) return base_.make_directories(path);
  if (const auto existing = status(place)) {
    if (!existing->directory) base_.make_directories(place);  // throws the error that it is
    return;
  }
  make_directories(place.parent_path());
  operate("make_directories " + name_of(place), [&] {
    base_.make_directories(place);
    names_.appeared(place);
  });
  sync_directory(place.parent_path());
}

void CrashFileSystem::sync_directory(const Path& path) {
  const Path place = normal(path);
  if (!is_below(place) && !is_root(place)) return base_.sync_directory(path);
  operate("sync_directory " + name_of(place), [&] {
    const auto found = base_.status(place);
    if (!found || !found->directory) return base_.sync_directory(place);
    names_.synced(place);
    content_.synced(found->identity);
  });
}

std::optional<FileStatus> CrashFileSystem::status(const Path& path) {
  const Path place = normal(path);
  if (is_below(place)) count_read("status", place);
  return base_.status(path);
}

std::vector<DirectoryEntry> CrashFileSystem::list(const Path& path) {
  const Path place = normal(path);
  if (is_below(place) || is_root(place)) count_read("list", place);
  return base_.list(path);
}

std::uint64_t CrashFileSystem::free_space(const Path& path) {
  const Path place = normal(path);
  if (is_below(place) || is_root(place)) count_read("free_space", place);
  return base_.free_space(path);
}

Path CrashFileSystem::normal(const Path& path) const {
  Path place = std::filesystem::absolute(path).lexically_normal();
  return place.has_filename() ? place : place.parent_path();
}

bool CrashFileSystem::is_below(const Path& normal_path) const {
  const std::string &path = normal_path.native(), &root = root_.native();
  return path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
}

std::string CrashFileSystem::name_of(const Path& normal_path) const {
  return is_root(normal_path) ? "." : normal_path.native().substr(root_.native().size() + 1);
}

void CrashFileSystem::operate(const std::string& description, const std::function<void()>& whole,
                              const std::function<void()>& part) {
  const std::scoped_lock lock(mutex_);
  if (stopped_) throw CrashError("after the crash: " + description);
  operations_.push_back(description);
  if (operations_.size() != stop_) return whole();
  stopped_ = true;
  try {
    if (effect_ == Effect::kWhole) whole();
    if (effect_ == Effect::kPart && part) part();
  } catch (const Error&) {
    // Nobody is left who could be told.
  }
  throw CrashError(fmt::format("at operation {}: {}", stop_, description));
}

void CrashFileSystem::count_read(std::string_view doing, const Path& path) {
  if (stopped_) throw CrashError(fmt::format("after the crash: {} {}", doing, path.native()));
  ++reads_;
}

std::unique_ptr<File> CrashFileSystem::wrap(std::unique_ptr<File> file, const Path& normal_path) {
  const std::scoped_lock lock(mutex_);
  return std::make_unique<CrashFile>(*this, std::move(file), name_of(normal_path),
                                     content_.opened(normal_path));
}

}  // namespace holdfast::env
