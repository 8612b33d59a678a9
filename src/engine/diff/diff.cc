#include "engine/diff/diff.h"

#include <fmt/format.h>

#include <memory>
#include <system_error>

#include "base/error.h"
#include "engine/diff/page_diff.h"
#include "engine/restore/restore.h"
#include "engine/scratch_directory.h"
#include "env/randomness.h"

namespace holdfast::engine {
namespace {

using repository::Repository;

// Made when it is needed; gone afterwards, with whatever SQLite left in it.
const repository::DatabaseState& state_of(const DiffSide& side) {
  return side.point ? side.point->state : *side.state;
}

bool is_same_history(const DiffSide& before, const DiffSide& after) {
  if (!before.is_history() || !after.is_history()) return false;
  const auto &a = state_of(before), &b = state_of(after);
  return !a.checksum.empty() && a.checksum == b.checksum && a.page_size == b.page_size &&
         a.page_count == b.page_count;
}

std::filesystem::path file_of(const DiffSide& side, const char* name, const Repository* repository,
                              env::FileSystem& files, ScratchDirectory& scratch,
                              const DiffRequest& request, Progress& progress) {
  if (!side.is_history()) return side.file;
  const std::filesystem::path copy = scratch.file(name);
  if (side.point) {
    restore_point_copy(*repository, files, *side.point, copy, request.threads, progress);
  } else {
    restore_copy(*repository, files, *side.state, copy, request.threads, progress);
  }
  return copy;
}

std::unique_ptr<sqlite::PageSource> open_view(const std::filesystem::path& path,
                                              const DiffRequest& request) {
  auto source = sqlite::open_page_source(path, {.busy_timeout = request.busy_timeout});
  source->advance();
  if (!source->damage().empty() || source->connection() == nullptr) {
    throw Error(ErrorCode::kDatabaseDamaged,
                fmt::format("{}: {}", path.string(), source->damage()));
  }
  return source;
}

}  // namespace

std::unique_ptr<sqlite::PageSource> open_standing(const DiffSide& side,
                                                  const DiffRequest& request) {
  return open_view(side.file, request);
}

sqlite::DifferenceSummary diff(const Repository* repository, env::FileSystem& files,
                               const DiffSide& before, const DiffSide& after,
                               const DiffRequest& request, sqlite::DifferenceSink& sink,
                               Progress& progress) {
  if (request.tables.empty() && is_same_history(before, after)) return {};
  if (before.is_history() || after.is_history()) {
    const auto quick = diff_by_pages(*repository, before, after, request, sink, progress);
    if (quick) return *quick;
  }
  ScratchDirectory scratch(files, request.scratch, "diff");
  const auto first = file_of(before, "before.db", repository, files, scratch, request, progress);
  const auto second = file_of(after, "after.db", repository, files, scratch, request, progress);
  const auto one = open_view(first, request), other = open_view(second, request);
  return sqlite::compare_databases(
      *one, *other, {.tables = request.tables, .threads = request.threads}, sink, progress);
}

}  // namespace holdfast::engine
