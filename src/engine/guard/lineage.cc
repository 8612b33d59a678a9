#include "engine/guard/lineage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/guard/candidates.h"
#include "engine/guard/fingerprint.h"
#include "engine/guard/scratch_file.h"
#include "sqlite/read_view.h"
#include "sqlite/table_statistics.h"

namespace holdfast::engine {
namespace {

constexpr unsigned kThreads = 2;
constexpr std::uint64_t kFewPages = 32;  // so few may all have changed
constexpr std::uint64_t kSmall = 32u << 20;

using Tables = std::vector<sqlite::TablePresence>;

class LineageSearch {
 public:
  LineageSearch(const repository::Repository& repository, env::FileSystem& files, History& history,
                const GuardRequest& request)
      : repository_(repository), files_(files), history_(history), request_(request) {}

  LineageFinding run();

 private:
  void look_at_pages();
  std::string find_damage(sqlite::PageSource& source) const;
  // What the history is fuller with; empty if it is not.
  std::string fuller();
  LineageFinding by_pages() const;

  const repository::Repository& repository_;
  env::FileSystem& files_;
  History& history_;
  const GuardRequest& request_;
  std::optional<DigestTable> table_;
  Fingerprint print_;
  std::string damage_;
};

void LineageSearch::look_at_pages() {
  const env::Path& cache = request_.restore.safety.cache_directory;
  if (!cache.empty()) {
    table_ = DigestTable::open(
        files_, digest_table_path(repository_, cache, request_.database, request_.path),
        repository_.keys().cache);
  }
  const sqlite::ReadView view(request_.path, request_.restore.busy_timeout);
  print_ = take_fingerprint(repository_, view.source(), table_ ? &*table_ : nullptr, kThreads);
  const auto newest = history_.newest();
  if (!newest || !print_.checksum.starts_with(newest->check)) damage_ = find_damage(view.source());
}

// The structure is looked at in the view whose pages were read; a small database is read again.
std::string LineageSearch::find_damage(sqlite::PageSource& source) const {
  const auto structure = sqlite::gather_statistics(source, print_.facts);
  if (!structure.problems.empty()) return structure.problems.front();
  const auto [page_size, page_count] = print_.geometry;
  if (std::uint64_t{page_size} * page_count > kSmall) return {};
  const auto messages = sqlite::quick_check(request_.path, request_.restore.busy_timeout);
  return messages.empty() ? std::string() : messages.front();
}

std::string LineageSearch::fuller() {
  const Tables tables = sqlite::look_at_tables(request_.path, request_.restore.busy_timeout);
  const auto candidates = history_.candidates();
  for (const Candidate& candidate : candidates) {
    const auto* state = history_.state_of(candidate);
    if (state == nullptr || !state->tables_counted) continue;
    if (is_emptier(tables, *state)) return candidate.sentence;
    break;  // an older one may be fuller because rows were deleted since
  }
  // Rows may have come after that snapshot: only the state itself tells.
  if (has_rows(tables) || candidates.empty() || !candidates.front().path) return {};
  ScratchFile scratch(files_, request_.path);
  const auto newest = Candidates(repository_, history_, request_, no_progress())
                          .newest_tables(scratch.file(), scratch.path());
  return newest && has_rows(*newest) ? candidates.front().sentence : std::string();
}

LineageFinding LineageSearch::by_pages() const {
  if (!table_ || table_->header().page_size != print_.geometry.page_size) {
    return {Lineage::kAhead, "no earlier state is equal to it, and no local digests tell more", {}};
  }
  const std::uint64_t pages = print_.geometry.page_count, known = table_->header().page_count;
  const std::string detail =
      fmt::format("{} of its {} pages are as in the last snapshot", print_.same, pages);
  const std::uint64_t fewer = std::min(pages, known);
  const bool related = known < kFewPages || print_.same * 2 >= fewer;
  return {related ? Lineage::kAhead : Lineage::kForeign, detail, {}};
}

LineageFinding LineageSearch::run() {
  look_at_pages();
  const auto newest = history_.newest();
  if (!newest) return {};
  if (print_.checksum.starts_with(newest->check)) {
    return {Lineage::kNewest, "it is equal to " + newest->sentence, {}};
  }
  if (!damage_.empty()) return {Lineage::kNoHistory, {}, damage_};
  const std::string full = fuller();
  const auto earlier = history_.find(print_.checksum);
  if (!full.empty()) return {Lineage::kEmptier, full + " has rows that it lacks", {}};
  if (!earlier) return by_pages();
  const auto age = newest->time - earlier->time;
  if (age <= Duration::zero()) return {Lineage::kNewest, "it is equal to " + earlier->sentence, {}};
  const std::string detail =
      fmt::format("it is equal to {}, but the newest is {}", earlier->sentence, newest->sentence);
  return {age <= request_.power_loss_window ? Lineage::kBehind : Lineage::kOlder, detail, {}};
}

}  // namespace

LineageFinding find_lineage(const repository::Repository& repository, env::FileSystem& files,
                            History& history, const GuardRequest& request) {
  return LineageSearch(repository, files, history, request).run();
}

}  // namespace holdfast::engine
