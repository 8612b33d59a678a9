#include "engine/guard/guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "engine/guard/candidates.h"
#include "engine/guard/deleted_records.h"
#include "engine/guard/history.h"
#include "engine/guard/scratch_file.h"
#include "engine/guard/set_aside.h"
#include "engine/restore/swap.h"
#include "sqlite/replacement.h"
#include "sqlite/seed.h"

namespace holdfast::engine {
namespace {

class Guard {
 public:
  Guard(const repository::Repository* repository, env::FileSystem& files,
        const GuardRequest& request, Progress& progress)
      : repository_(repository), files_(files), request_(request), progress_(progress) {}

  GuardResult run(bool fix);

 private:
  void exclude_before_judging();
  void carry_out();
  void restore();
  void merge();
  void create();
  void remove_excluded();
  void take_safety_snapshot();
  void check_afterwards();
  void note(const std::string& text) const {
    progress_.notice(fmt::format("database {}: {}", request_.database, text));
  }
  void warn(const std::string& text) const {
    progress_.warning(fmt::format("database {}: {}", request_.database, text));
  }
  auto busy_timeout() const { return request_.restore.busy_timeout; }
  bool is_there() const { return sqlite::is_there(result_.before.presence.presence); }

  const repository::Repository* repository_;
  env::FileSystem& files_;
  const GuardRequest& request_;
  Progress& progress_;
  GuardResult result_;
  bool saved_ = false;  // what was there is in a safety snapshot
};

bool any(const std::vector<std::uint64_t>& counts) {
  return std::ranges::any_of(counts, [](std::uint64_t count) { return count > 0; });
}

void Guard::take_safety_snapshot() {
  if (saved_ || repository_ == nullptr || !result_.before.history_known ||
      !request_.restore.safety_snapshot) {
    return;
  }
  BackupRequest backup = request_.restore.safety;
  backup.databases = {{.name = request_.database, .path = request_.path}};
  backup.tags = {"before-restore"};
  backup.name.clear();
  backup.busy_timeout = busy_timeout();
  const auto taken = back_up(*repository_, files_, backup, progress_);
  saved_ = true;
  note(fmt::format("what was there is snapshot {}; `holdfast restore {}` brings it back",
                   taken.snapshot.id.short_hex(), taken.snapshot.id.short_hex()));
}

void Guard::remove_excluded() {
  if (request_.exclusions.empty()) return;
  if (!any(sqlite::count_excluded(request_.path, request_.exclusions, busy_timeout()))) return;
  take_safety_snapshot();
  const auto counts = sqlite::remove_excluded(request_.path, request_.exclusions, busy_timeout());
  const std::uint64_t rows = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  result_.excluded_rows += rows;
  note(fmt::format("{} excluded rows were removed", rows));
}

// A row that must not be there may be all that an invariant is violated by.
void Guard::exclude_before_judging() {
  const Inspection& before = result_.before;
  const bool replaced = before.lineage == Lineage::kEmptier || before.lineage == Lineage::kOlder;
  if (!is_there() || replaced || !before.violated() || !any(before.excluded)) return;
  remove_excluded();
  Inspection cleared = before;
  cleared.excluded.assign(cleared.excluded.size(), 0);
  cleared.invariants = check_invariants(request_.path, request_.invariants, busy_timeout());
  result_.decision = decide(cleared, request_);
  if (!cleared.violated()) {
    result_.decision = {Action::kExclude,
                        "the database held excluded rows, without which its invariants hold"};
  }
}

void Guard::restore() {
  History history(*repository_, request_.database);
  Candidates candidates(*repository_, history, request_, progress_);
  const bool accept_any = !is_there() && (request_.on_violation == OnViolation::kWarn ||
                                          request_.on_violation == OnViolation::kMerge);
  RestoreRequest request = request_.restore;
  request.database = request_.database;
  request.target = request_.path;
  request.exclusions.clear();  // the candidate is judged without them already
  request.safety_snapshot = request.safety_snapshot && is_there() && !saved_;
  SetAside aside(files_, request_.path, result_.before.presence.presence,
                 repository_->clock().now());
  WrittenCandidate written;
  RestoreResult restored = swap_in(
      *repository_, files_, request,
      [&](env::File& file, const env::Path& path) {
        written = candidates.write(file, path, accept_any);
      },
      progress_);
  for (env::Path& path : aside.keep(restored.target)) {
    warn(fmt::format("what was there is kept as {}", path.string()));
    restored.set_aside.push_back(std::move(path));
  }
  restored.bytes = written.state.bytes();
  restored.checksum = written.state.checksum;
  result_.excluded_rows += written.excluded;
  note(fmt::format(
      "restored {}: {} bytes in {:.2f} s, proved equal{}", written.candidate.sentence,
      restored.bytes, restored.seconds,
      written.excluded == 0 ? "" : fmt::format(", without {} excluded rows", written.excluded)));
  result_.used = std::move(written.candidate);
  result_.restored = std::move(restored);
}

void Guard::merge() {
  History history(*repository_, request_.database);
  Candidates candidates(*repository_, history, request_, progress_);
  take_safety_snapshot();
  ScratchFile scratch(files_, std::filesystem::absolute(request_.path));
  WrittenCandidate written = candidates.write(scratch.file(), scratch.path(), true);
  result_.merged = sqlite::merge_rows({.target = request_.path,
                                       .history = scratch.path(),
                                       .exclusions = request_.exclusions,
                                       .tombstones = deleted_records(request_.collections),
                                       .busy_timeout = busy_timeout()});
  for (const sqlite::TableMerge& table : result_.merged->tables) {
    if (!table.skipped.empty()) {
      warn(fmt::format("table {} was not merged: {}", table.table, table.skipped));
    } else if (table.inserted + table.lost + table.buried > 0) {
      note(
          fmt::format("merge of table {}: {} rows came back, {} were kept as they are, {} do not "
                      "fit, {} stay deleted",
                      table.table, table.inserted, table.kept, table.lost, table.buried));
    }
  }
  note(fmt::format("merge of {} brought back {} rows and {} tables", written.candidate.sentence,
                   result_.merged->inserted(), result_.merged->created.size()));
  result_.used = std::move(written.candidate);
}

void Guard::create() {
  const bool seeded = result_.decision.action == Action::kSeed;
  if (!seeded && result_.before.presence.presence == sqlite::Presence::kNoSchema) return;
  const Time now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  SetAside aside(files_, request_.path, result_.before.presence.presence,
                 repository_ == nullptr ? now : repository_->clock().now());
  if (seeded) {
    sqlite::create_from_seed(request_.path, request_.seed, request_.exclusions);
    note(fmt::format("made from the seed {}", request_.seed.string()));
  } else {
    sqlite::create_empty(request_.path);
    note("an empty database was created");
  }
  for (const env::Path& path : aside.keep(request_.path)) {
    warn(fmt::format("what was there is kept as {}", path.string()));
  }
}

void Guard::carry_out() {
  switch (result_.decision.action) {
    case Action::kServe:
      return;
    case Action::kServeFork:
    case Action::kServeWarning:
      warn(result_.decision.reason);
      if (is_there() && any(result_.before.excluded)) remove_excluded();
      return;
    case Action::kExclude:
      remove_excluded();
      return;
    case Action::kRestore:
      restore();
      return;
    case Action::kMerge:
      merge();
      remove_excluded();
      return;
    case Action::kSkipImport:
      warn(result_.decision.reason);
      create();
      return;
    case Action::kSeed:
    case Action::kCreateEmpty:
      create();
      return;
    case Action::kRefuse:
      throw Error(ErrorCode::kGuardRefused,
                  fmt::format("database {}: {}", request_.database, result_.decision.reason),
                  result_.excluded_rows == 0
                      ? ""
                      : "Excluded rows were removed, after a safety snapshot; nothing else was "
                        "changed.");
  }
}

void Guard::check_afterwards() {
  if (request_.invariants.empty()) return;
  const auto presence = sqlite::look_at_database(request_.path, busy_timeout()).presence;
  // A new, empty database is the application's to fill.
  if (!sqlite::is_there(presence)) return;
  result_.afterwards = check_invariants(request_.path, request_.invariants, busy_timeout());
  for (const InvariantResult& invariant : result_.afterwards) {
    if (!invariant.holds) {
      warn(fmt::format("invariant {} is violated still (found: {})", invariant.name,
                       invariant.found));
    }
  }
}

GuardResult Guard::run(bool fix) {
  result_.before = inspect(repository_, files_, request_, progress_);
  result_.decision = decide(result_.before, request_);
  if (fix) exclude_before_judging();
  note(fmt::format("decided to {}: {}", action_name(result_.decision.action),
                   result_.decision.reason));
  const Action action = result_.decision.action;
  if (fix) {
    carry_out();
    check_afterwards();
  }
  result_.safe = fix || action == Action::kServe || action == Action::kServeFork ||
                 action == Action::kServeWarning;
  return std::move(result_);
}

}  // namespace

GuardResult guard(const repository::Repository* repository, env::FileSystem& files,
                  const GuardRequest& request, bool fix, Progress& progress) {
  return Guard(repository, files, request, progress).run(fix);
}

}  // namespace holdfast::engine
