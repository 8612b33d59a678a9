#include "engine/guard/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using repository::DatabaseState;
using repository::Snapshot;
using repository::StatePath;

std::string sentence_of(const StatePath& path) {
  return fmt::format("position {}, {}", to_text(path.position), format_local(path.time));
}

std::string sentence_of(const Snapshot& snapshot, const DatabaseState& state) {
  return fmt::format("snapshot {} \"{}\", {}", snapshot.id.short_hex(), snapshot.name,
                     format_local(state.moment));
}

bool is_put_away(const Snapshot& snapshot) {
  return std::ranges::find(snapshot.tags, "before-restore") != snapshot.tags.end();
}

Candidate candidate_of(StatePath path) {
  Candidate candidate;
  candidate.snapshot = path.anchor.snapshot;
  candidate.time = path.time;
  candidate.sentence = sentence_of(path);
  candidate.path = std::move(path);
  return candidate;
}

}  // namespace

History::History(const repository::Repository& repository, std::string database)
    : repository_(repository), database_(std::move(database)) {
  const auto ids = repository::snapshot_ids(repository_);
  const std::set<SnapshotId> there(ids.begin(), ids.end());
  timeline_ = repository::load_timeline(
      repository_, repository::timeline_series(repository_, database_), &there);
  newest_path_ = repository::find_newest(timeline_);
}

const std::vector<Snapshot>& History::snapshots() {
  if (!snapshots_) {
    snapshots_.emplace();
    for (Snapshot& snapshot : repository::list_snapshots(repository_).snapshots) {
      const DatabaseState* state = snapshot.database(database_);
      if (state == nullptr || !state->damage.empty() || is_put_away(snapshot)) continue;
      snapshots_->push_back(std::move(snapshot));
    }
  }
  return *snapshots_;
}

bool History::empty() { return !newest_path_ && snapshots().empty(); }

std::optional<History::Newest> History::newest() {
  if (newest_path_) {
    const StatePath& path = *newest_path_;
    const repository::CheckDigits check =
        path.segments.empty() ? path.anchor.check : path.segments.front().check;
    return Newest{path.time, std::string(check.text()), sentence_of(path)};
  }
  if (snapshots().empty()) return std::nullopt;
  const Snapshot& snapshot = snapshots().front();
  const DatabaseState& state = *snapshot.database(database_);
  return Newest{state.moment, state.checksum, sentence_of(snapshot, state)};
}

std::optional<History::Newest> History::find(std::string_view checksum) {
  std::optional<Newest> found;
  constexpr std::size_t kDigits = 16;
  for (const auto& position : repository::find_check(timeline_, checksum.substr(0, kDigits))) {
    const auto path = repository::find_path(timeline_, position);
    if (!path) continue;
    found = Newest{path->time, std::string(checksum), sentence_of(*path)};
    break;
  }
  for (const Snapshot& snapshot : snapshots()) {
    const DatabaseState& state = *snapshot.database(database_);
    if (state.checksum != checksum) continue;
    if (!found || state.moment > found->time) {
      found = Newest{state.moment, state.checksum, sentence_of(snapshot, state)};
    }
    break;
  }
  return found;
}

// Positions come in the order of their line, whatever their times say: a state that was read may be
// noted with a later time than the commit after it, and clocks are set.
std::vector<Candidate> History::line_candidates() const {
  std::vector<Candidate> found;
  if (newest_path_) found.push_back(candidate_of(*newest_path_));
  const auto line = repository::main_line(timeline_);
  for (const repository::AnchorName& anchor : timeline_.anchors) {
    const bool on_line = std::ranges::any_of(line, [&](const repository::LinePiece& piece) {
      return piece.branch == anchor.position.branch && anchor.position.number <= piece.last;
    });
    if (!on_line || (newest_path_ && newest_path_->position == anchor.position)) continue;
    if (auto path = repository::find_path(timeline_, anchor.position)) {
      found.push_back(candidate_of(*std::move(path)));
    }
  }
  std::ranges::stable_sort(found, std::ranges::greater{},
                           [](const Candidate& candidate) { return candidate.path->position; });
  for (std::size_t i = 1; i < found.size(); ++i) {
    found[i].time = std::min(found[i].time, found[i - 1].time);
  }
  return found;
}

std::vector<Candidate> History::candidates() {
  std::vector<Candidate> all = line_candidates();
  std::set<SnapshotId> anchored;
  for (const repository::AnchorName& anchor : timeline_.anchors) anchored.insert(anchor.snapshot);
  for (const Snapshot& snapshot : snapshots()) {
    if (anchored.contains(snapshot.id)) continue;
    const DatabaseState& state = *snapshot.database(database_);
    all.push_back({{}, snapshot.id, state.moment, sentence_of(snapshot, state)});
  }
  std::ranges::stable_sort(all, std::ranges::greater{}, &Candidate::time);
  return all;
}

const DatabaseState* History::state_of(const Candidate& candidate) {
  const auto [found, added] = read_.try_emplace(candidate.snapshot);
  if (added && candidate.path) {
    found->second = repository::find_snapshot(
        repository_, repository::timeline_series(repository_, database_), candidate.snapshot);
  } else if (added) {
    const auto listed = std::ranges::find(snapshots(), candidate.snapshot, &Snapshot::id);
    if (listed != snapshots().end()) found->second = *listed;
  }
  return found->second ? found->second->database(database_) : nullptr;
}

}  // namespace holdfast::engine
