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
constexpr std::uint64_t kCheapPages = 4096;  // to be restored only to look at them

// A table whose rows cannot be counted counts as empty.
std::uint64_t sum_of_rows(const sqlite::DatabaseStatistics& statistics) {
  std::uint64_t rows = 0;
  for (const sqlite::TableStatistics& table : statistics.tables) {
    if (!table.name.starts_with("sqlite_")) rows += table.rows.value_or(0);
  }
  return rows;
}

class LineageSearch {
 public:
  LineageSearch(const repository::Repository& repository, env::FileSystem& files, History& history,
                const GuardRequest& request)
      : repository_(repository), files_(files), history_(history), request_(request) {}

  LineageFinding run();

 private:
  void look_at_pages();
  void find_damage(sqlite::PageSource& source);
  bool may_be_fresh(const repository::DatabaseState& newest) const;
  std::uint64_t rows_of_newest();
  // What the history is fuller with; empty if it is not.
  std::string fuller();
  LineageFinding by_pages() const;

  const repository::Repository& repository_;
  env::FileSystem& files_;
  History& history_;
  const GuardRequest& request_;
  std::optional<DigestTable> table_;
  Fingerprint print_;
  std::uint64_t rows_ = 0;  // unless it is the newest state
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
  if (!newest || !print_.checksum.starts_with(newest->check)) find_damage(view.source());
}

// The structure is looked at in the view whose pages were read; a small database is read again.
void LineageSearch::find_damage(sqlite::PageSource& source) {
  const auto structure = sqlite::gather_statistics(source, print_.facts);
  rows_ = sum_of_rows(structure);
  if (!structure.problems.empty()) {
    damage_ = structure.problems.front();
    return;
  }
  const auto [page_size, page_count] = print_.geometry;
  if (std::uint64_t{page_size} * page_count > kSmall) return;
  const auto messages = sqlite::quick_check(request_.path, request_.restore.busy_timeout);
  if (!messages.empty()) damage_ = messages.front();
}

// Most databases are not, which their pages tell for nothing.
bool LineageSearch::may_be_fresh(const repository::DatabaseState& newest) const {
  const std::uint64_t pages = print_.geometry.page_count;
  if (newest.page_count <= kCheapPages || pages * 2 < newest.page_count) return true;
  return table_ && print_.same * 2 < std::min(pages, table_->header().page_count);
}

std::uint64_t LineageSearch::rows_of_newest() {
  ScratchFile scratch(files_, request_.path);
  Candidates candidates(repository_, history_, request_, no_progress());
  if (!candidates.write_newest(scratch.file())) return 0;
  const sqlite::ReadView view(scratch.path(), request_.restore.busy_timeout);
  const Fingerprint print = take_fingerprint(repository_, view.source(), nullptr, kThreads);
  return sum_of_rows(sqlite::gather_statistics(view.source(), print.facts));
}

std::string LineageSearch::fuller() {
  const auto candidates = history_.candidates();
  if (candidates.empty()) return {};
  const auto* newest = history_.state_of(candidates.front());
  if (newest == nullptr || !may_be_fresh(*newest)) return {};
  const auto tables = sqlite::look_at_tables(request_.path, request_.restore.busy_timeout);
  const bool emptier = newest->tables_counted && is_emptier(tables, *newest);
  // An application that begins anew may put some rows into a new database. Rows may also have come
  // after the snapshot: only the state itself tells.
  if (emptier || rows_ * 2 < rows_of_newest()) return candidates.front().sentence;
  return {};
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
  if (!full.empty()) return {Lineage::kEmptier, full + " has far more rows", {}};
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
