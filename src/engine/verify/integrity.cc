#include "engine/verify/integrity.h"

#include <fmt/format.h>

#include <map>
#include <system_error>
#include <tuple>

#include "base/error.h"
#include "engine/restore/restore.h"
#include "env/randomness.h"
#include "sqlite/integrity.h"

namespace holdfast::engine {
namespace {

using repository::DatabaseState;

// Gone afterwards, with whatever SQLite left in it.
class Workplace {
 public:
  Workplace(env::FileSystem& files, const std::filesystem::path& directory)
      : path_(directory / ("holdfast-verify-" + env::random_name())) {
    files.make_directories(path_);
  }
  ~Workplace() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

bool is_damage(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kDamagedObject:
    case ErrorCode::kMissingObject:
    case ErrorCode::kChecksumMismatch:
    case ErrorCode::kNotFound:
    case ErrorCode::kIo:
      return true;
    default:
      return false;
  }
}

IntegrityFinding examine(const repository::Repository& repository, env::FileSystem& files,
                         const DatabaseState& state, const std::filesystem::path& directory,
                         Progress& progress) {
  IntegrityFinding finding;
  const Workplace workplace(files, directory);
  const auto copy = workplace.path() / "copy.db";
  try {
    restore_copy(repository, files, state, copy, 0, progress);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    finding.restored = false;
    finding.messages = {error.happened()};
    return finding;
  }
  progress.stage(fmt::format("Checking {}", state.name), 0);
  finding.messages = sqlite::check_integrity(copy);
  return finding;
}

}  // namespace

IntegrityReport check_integrity(const repository::Repository& repository, env::FileSystem& files,
                                std::span<const repository::Snapshot> snapshots,
                                const std::filesystem::path& directory, Progress& progress) {
  IntegrityReport report;
  // Equal checksums are equal databases: a month of snapshots of a quiet database is checked once.
  using Content = std::tuple<std::string, std::uint32_t, std::uint64_t>;
  std::map<Content, IntegrityFinding> examined;
  for (const repository::Snapshot& snapshot : snapshots) {
    for (const DatabaseState& state : snapshot.databases) {
      const Content content(state.checksum, state.page_size, state.page_count);
      auto found = examined.find(content);
      if (found == examined.end()) {
        found =
            examined.emplace(content, examine(repository, files, state, directory, progress)).first;
        ++report.databases;
      }
      if (found->second.messages.empty()) continue;
      IntegrityFinding finding = found->second;
      finding.snapshot = snapshot.id;
      finding.snapshot_name = snapshot.name;
      finding.database = state.name;
      finding.known = !state.damage.empty();
      report.findings.push_back(std::move(finding));
    }
  }
  return report;
}

}  // namespace holdfast::engine
