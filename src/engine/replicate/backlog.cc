#include "engine/replicate/backlog.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {
namespace {

std::string file_name_of(std::string name) {
  std::ranges::replace(name, '/', '+');
  return name;
}

std::string object_name_of(std::string file_name) {
  std::ranges::replace(file_name, '+', '/');
  return file_name;
}

// "…-<time 16>-<check 16>": see docs/format.md, "Timelines".
std::optional<Time> time_in(std::string_view name) {
  constexpr std::size_t kDigits = 16;
  if (name.size() < 2 * kDigits + 2) return std::nullopt;
  const std::string_view digits = name.substr(name.size() - 2 * kDigits - 1, kDigits);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value, 16);
  if (error != std::errc{} || end != digits.end()) return std::nullopt;
  return Time(Duration(static_cast<Duration::rep>(value)));
}

class Unlocked {
 public:
  explicit Unlocked(std::mutex* mutex) : mutex_(mutex) {
    if (mutex_ != nullptr) mutex_->unlock();
  }
  ~Unlocked() {
    if (mutex_ != nullptr) mutex_->lock();
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  std::mutex* mutex_;
};

}  // namespace

bool is_store_away(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kRepositoryMissing:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kNotFound:
      return true;
    default:
      return error.retryable();
  }
}

Backlog::Backlog(const repository::Repository& repository, env::FileSystem& files, env::Path folder,
                 Limits limits)
    : repository_(repository), files_(files), folder_(std::move(folder)), limits_(limits) {
  if (folder_.empty() || !files_.status(folder_)) return;
  for (const env::DirectoryEntry& found : files_.list(folder_)) {
    if (found.status.directory) continue;
    if (!found.name.starts_with("timelines+")) {
      if (found.name.starts_with('.')) files_.remove(folder_ / found.name);
      continue;
    }
    entries_.push_back({.name = object_name_of(found.name),
                        .content = {},
                        .file = folder_ / found.name,
                        .size = found.status.size,
                        .commit = time_in(found.name).value_or(found.status.modified)});
    disk_bytes_ += found.status.size;
  }
}

// False where the disk takes no more.
bool Backlog::write_to_disk(Entry& entry) {
  if (folder_.empty() || disk_bytes_ + entry.size > limits_.on_disk) return false;
  const env::Path file = folder_ / file_name_of(entry.name);
  try {
    files_.make_directories(folder_);
    env::write_file_atomically(files_, file, entry.content);
  } catch (const Error&) {
    return false;
  }
  entry.file = file;
  entry.content = {};
  disk_bytes_ += entry.size;
  return true;
}

bool Backlog::add(repository::SealedObject object, Time commit) {
  Entry entry{.name = std::move(object.name),
              .content = std::move(object.content),
              .file = {},
              .size = 0,
              .commit = commit};
  entry.size = entry.content.size();
  // What waits for a store that is away outlives this process.
  const bool in_memory =
      failure_.empty() && (entries_.empty() || memory_bytes_ + entry.size <= limits_.in_memory);
  if (!in_memory && !write_to_disk(entry)) {
    if (memory_bytes_ + entry.size > limits_.in_memory) return false;
  }
  if (entry.file.empty()) memory_bytes_ += entry.size;
  entries_.push_back(std::move(entry));
  return true;
}

void Backlog::hold(std::string_view why) {
  failure_ = why;
  keep_on_disk();
}

void Backlog::keep_on_disk() {
  for (Entry& entry : entries_) {
    if (!entry.file.empty()) continue;
    if (!write_to_disk(entry)) return;
    memory_bytes_ -= entry.size;
  }
}

bool Backlog::send(std::mutex* held) {
  while (!entries_.empty()) {
    Entry& entry = entries_.front();
    Bytes content;
    const Bytes* sealed = &entry.content;
    if (!entry.file.empty()) {
      try {
        content = env::read_file(files_, entry.file);
        sealed = &content;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kNotFound) throw;
        sealed = nullptr;  // somebody cleared the folder
      }
    }
    if (sealed != nullptr) {
      try {
        const Unlocked unlocked(held);
        repository::put_sealed(repository_, {.name = entry.name, .content = *sealed});
      } catch (const Error& error) {
        if (!is_store_away(error)) throw;
        hold(error.what());
        return false;
      }
      bytes_sent_ += entry.size;
    }
    drop_first();
  }
  failure_.clear();
  return true;
}

void Backlog::drop_first() {
  Entry& entry = entries_.front();
  if (entry.file.empty()) {
    memory_bytes_ -= entry.size;
  } else {
    disk_bytes_ -= entry.size;
    try {
      files_.remove(entry.file);
    } catch (const Error&) {
      // It is sent once more by the next run, which finds it there already.
    }
  }
  entries_.pop_front();
}

bool Backlog::empty() const { return entries_.empty(); }
std::size_t Backlog::waiting() const { return entries_.size(); }
std::uint64_t Backlog::bytes() const { return memory_bytes_ + disk_bytes_; }

std::optional<Time> Backlog::oldest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().commit;
}

const std::string& Backlog::last_failure() const { return failure_; }

}  // namespace holdfast::engine
