#include "engine/restore/swap.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/restore/companions_aside.h"
#include "env/randomness.h"
#include "sqlite/replacement.h"

namespace holdfast::engine {
namespace {

using repository::Repository;
using repository::Snapshot;

constexpr std::string_view kUnderWay = ".restoring-";
constexpr std::chrono::hours kLeftoverAge{24};
constexpr int kSafetyAttempts = 5;
constexpr int kMostLinks = 40;

env::Path with_suffix(const env::Path& path, std::string_view suffix) {
  return path.string() + std::string(suffix);
}

// A link stays, and what it points to is replaced, even where that is gone: it may lead to another
// volume.
env::Path behind_links(const env::Path& path) {
  env::Path place = std::filesystem::absolute(path).lexically_normal();
  std::error_code error;
  for (int links = 0; std::filesystem::is_symlink(place, error) && !error; ++links) {
    if (links == kMostLinks) {
      throw Error(ErrorCode::kTargetExists, fmt::format("{} is a loop of links", path.string()));
    }
    place = (place.parent_path() / std::filesystem::read_symlink(place)).lexically_normal();
  }
  return place;
}

// A file beside the target that becomes it, or is removed again.
class FileUnderWay {
 public:
  FileUnderWay(env::FileSystem& files, const env::Path& target)
      : files_(files),
        path_(target.parent_path() /
              fmt::format(".{}{}{}", target.filename().string(), kUnderWay, env::random_name())) {}
  ~FileUnderWay() {
    if (path_.empty()) return;
    try {
      files_.remove(path_);
    } catch (...) {
      // Nothing was written, or the next restore to this place clears it away.
    }
  }
  FileUnderWay(const FileUnderWay&) = delete;
  FileUnderWay& operator=(const FileUnderWay&) = delete;

  const env::Path& path() const { return path_; }
  void become(const env::Path& target) {
    files_.rename(path_, target);
    path_.clear();
  }

 private:
  env::FileSystem& files_;
  env::Path path_;
};

void remove_leftovers(env::FileSystem& files, const env::Path& target, Time now) {
  const std::string prefix = fmt::format(".{}{}", target.filename().string(), kUnderWay);
  for (const env::DirectoryEntry& entry : files.list(target.parent_path())) {
    if (!entry.name.starts_with(prefix) || now - entry.status.modified < kLeftoverAge) continue;
    try {
      files.remove(target.parent_path() / entry.name);
    } catch (const Error&) {
    }
  }
}

class Swap {
 public:
  Swap(const Repository& repository, env::FileSystem& files, const RestoreRequest& request,
       Progress& progress)
      : repository_(repository),
        files_(files),
        request_(request),
        progress_(progress),
        target_(behind_links(request.target)) {}

  RestoreResult run(const WriteDatabase& write);

 private:
  std::optional<Snapshot> take_safety_snapshot();
  std::unique_ptr<sqlite::ReplacementHold> hold() const;
  std::vector<env::Path> replace_old(FileUnderWay& file, RestoreResult& result);
  void save_last_commits(RestoreResult& result);
  // Sizes and times of the database and its log: they differ after a commit.
  using Stamp = std::vector<std::pair<std::uint64_t, Time>>;
  Stamp stamp() const;

  const Repository& repository_;
  env::FileSystem& files_;
  const RestoreRequest& request_;
  Progress& progress_;
  env::Path target_;
  Stamp saved_;  // of the state that the safety snapshot holds, or an earlier one
};

Swap::Stamp Swap::stamp() const {
  Stamp stamps;
  for (const env::Path& path : {target_, with_suffix(target_, "-wal")}) {
    const auto status = files_.status(path);
    if (status && status->size > 0) stamps.emplace_back(status->size, status->modified);
  }
  return stamps;
}

std::unique_ptr<sqlite::ReplacementHold> Swap::hold() const {
  return sqlite::ReplacementHold::take(target_, request_.while_open, request_.busy_timeout);
}

std::optional<Snapshot> Swap::take_safety_snapshot() {
  if (!request_.safety_snapshot) return std::nullopt;
  BackupRequest backup = request_.safety;
  backup.databases = {{.name = request_.database, .path = target_}};
  backup.tags = {"before-restore"};
  backup.read_all = true;
  backup.name.clear();
  backup.busy_timeout = request_.busy_timeout;
  saved_ = stamp();
  try {
    return back_up(repository_, files_, backup, progress_).snapshot;
  } catch (const Error& error) {
    switch (error.code()) {
      case ErrorCode::kDatabaseEmpty:
        return std::nullopt;
      case ErrorCode::kNotADatabase:
        throw Error(ErrorCode::kTargetExists,
                    fmt::format("{} is not a database and would be overwritten", target_.string()),
                    {}, "Restore to another path, or move that file away first.");
      case ErrorCode::kHotJournal:
        // Whoever asks for a restore asks for the journal to be played back: into the safety
        // snapshot.
        hold().reset();
        saved_ = stamp();
        return back_up(repository_, files_, backup, progress_).snapshot;
      default:
        throw;
    }
  }
}

// What was committed while the hold was waited for.
void Swap::save_last_commits(RestoreResult& result) {
  if (!result.safety_snapshot) return;
  const auto again = take_safety_snapshot();
  if (again->databases.front().checksum != result.safety_snapshot->databases.front().checksum) {
    result.safety_snapshot = again;
  } else {
    repository::remove_snapshot(repository_, *again);
  }
}

// Answers which files of the old database stay beside.
std::vector<env::Path> Swap::replace_old(FileUnderWay& file, RestoreResult& result) {
  const std::unique_ptr<sqlite::ReplacementHold> held = files_.status(target_) ? hold() : nullptr;
  const bool merged = held != nullptr && held->merged();
  // In use, but nobody can commit to it any more.
  if (merged && !held->intact()) save_last_commits(result);
  CompanionsAside companions(files_, target_);
  const env::Path beside = file.path();
  try {
    if (held == nullptr || !held->intact()) companions.move(repository_.clock().now());
    file.become(target_);
  } catch (const Error&) {
    // A rename that failed may have happened: then nothing of the old database belongs here.
    if (files_.status(beside)) {
      companions.put_back();
      if (held != nullptr) held->restore_journal_mode();
    }
    throw;
  }
  files_.sync_directory(target_.parent_path());
  return companions.leave(merged);
}

RestoreResult Swap::run(const WriteDatabase& write) {
  const Duration started = repository_.clock().elapsed();
  files_.make_directories(target_.parent_path());
  remove_leftovers(files_, target_, repository_.clock().now());
  const auto existing = files_.status(target_);
  if (existing && existing->directory) {
    throw Error(ErrorCode::kTargetExists, fmt::format("{} is a directory", target_.string()));
  }

  RestoreResult result;
  if (existing) {
    if (!request_.while_open) sqlite::refuse_while_open(target_);
    result.safety_snapshot = take_safety_snapshot();
  }
  FileUnderWay file(files_, target_);
  {
    const auto content = files_.create(file.path());
    // Before the content is synced, and durable with it.
    files_.copy_owner(existing ? target_ : target_.parent_path(), file.path());
    if (existing) files_.set_mode(file.path(), existing->mode);
    write(*content, file.path());
  }
  if (!request_.exclusions.empty()) {
    const auto rows =
        sqlite::remove_excluded(file.path(), request_.exclusions, request_.busy_timeout);
    result.excluded_rows = std::accumulate(rows.begin(), rows.end(), std::uint64_t{0});
  }

  progress_.stage("Swapping it in", 0);
  // Somebody may have written in the meantime; what was committed is not to be lost.
  for (int attempt = 0; result.safety_snapshot && attempt < kSafetyAttempts; ++attempt) {
    if (stamp() == saved_) break;
    result.safety_snapshot = take_safety_snapshot();
  }
  result.set_aside = replace_old(file, result);
  result.target = target_;
  result.seconds = std::chrono::duration<double>(repository_.clock().elapsed() - started).count();
  return result;
}

}  // namespace

RestoreResult swap_in(const Repository& repository, env::FileSystem& files,
                      const RestoreRequest& request, const WriteDatabase& write,
                      Progress& progress) {
  return Swap(repository, files, request, progress).run(write);
}

}  // namespace holdfast::engine
