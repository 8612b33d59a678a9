#include "service/timeline_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "repository/timeline_retention.h"
#include "service/moment.h"
#include "service/reachable_states.h"

namespace holdfast::service {
namespace {

using repository::AnchorName;
using repository::Mark;
using repository::Position;
using repository::Relation;
using repository::Timeline;
using Kind = TimelineRow::Kind;

bool loses_commits(Relation relation) {
  return relation == Relation::kRepaired || relation == Relation::kReplaced;
}

std::string_view usual_reason(Relation relation) {
  switch (relation) {
    case Relation::kRepaired:
      return "the database changed while nobody followed it";
    case Relation::kReplaced:
      return "another database was put in its place";
    case Relation::kForked:
      return "the database was in an earlier state again";
    default:
      return "segments are missing";
  }
}

class Describer {
 public:
  Describer(Session& session, std::string_view database)
      : session_(session),
        timeline_(load_timeline_of(session, database)),
        states_(known_states(timeline_)) {
    description_.database = database;
    for (const auto* anchors : {&timeline_.links, &timeline_.anchors}) {
      for (const AnchorName& anchor : *anchors) anchors_.try_emplace(anchor.position, &anchor);
    }
  }

  TimelineDescription describe();

 private:
  void add_states();
  void add_main(const KnownState& state);
  void add_side(const KnownState& state);
  void add_marks();
  void add_snapshots();
  void close_run();
  std::string reason(const AnchorName& anchor) const;

  Session& session_;
  Timeline timeline_;
  std::vector<KnownState> states_;
  std::map<Position, const AnchorName*> anchors_;  // links, too
  TimelineDescription description_;
  std::optional<TimelineRow> run_, side_;
  bool lost_ = false;  // a state after the run that cannot be reached
};

std::string Describer::reason(const AnchorName& anchor) const {
  try {
    const std::string said = repository::read_anchor(session_.repository(), anchor).reason;
    if (!said.empty()) return said;
  } catch (const Error&) {
    // It has gone, or is damaged: what its name says is told.
  }
  return std::string(usual_reason(anchor.relation));
}

void Describer::close_run() {
  if (run_) description_.rows.push_back(*std::exchange(run_, std::nullopt));
}

void Describer::add_main(const KnownState& state) {
  const auto anchor = anchors_.find(state.position);
  const Relation relation =
      anchor == anchors_.end() ? Relation::kContinued : anchor->second->relation;
  if (!state.reachable) {
    lost_ = true;
    return;
  }
  TimelineRow here{.kind = Kind::kReachable,
                   .from = state.time,
                   .to = state.time,
                   .first = state.position,
                   .last = state.position,
                   .states = 1,
                   .text = {}};
  ++description_.states;
  description_.newest = state.position;
  description_.newest_time = state.time;
  const bool gap = run_ && (lost_ || loses_commits(relation));
  if (gap || (run_ && relation == Relation::kForked)) {
    TimelineRow between = here;
    between.kind = gap ? Kind::kGap : Kind::kFork;
    between.states = 0;
    between.from = run_->to;
    between.first = gap ? run_->last : anchor->second->origin;
    between.text =
        lost_ ? std::string(usual_reason(Relation::kContinued)) : reason(*anchor->second);
    close_run();
    description_.rows.push_back(std::move(between));
  }
  lost_ = false;
  if (!run_) {
    run_ = std::move(here);
    return;
  }
  // The state that a branch begins with is the one that it went on from.
  const bool same = run_->last.number == state.position.number;
  run_->states += same ? 0 : 1;
  description_.states -= same ? 1 : 0;
  run_->to = state.time;
  run_->last = state.position;
}

void Describer::add_side(const KnownState& state) {
  if (!side_ || side_->first.branch != state.position.branch) {
    if (side_) description_.rows.push_back(*side_);
    side_ = TimelineRow{.kind = Kind::kSideBranch,
                        .from = state.time,
                        .to = state.time,
                        .first = state.position,
                        .last = state.position,
                        .states = 0,
                        .text = "kept apart: the database did not go on from here"};
  }
  side_->to = state.time;
  side_->last = state.position;
  side_->states += state.reachable ? 1 : 0;
}

void Describer::add_states() {
  for (const KnownState& state : states_) {
    state.on_main_line ? add_main(state) : add_side(state);
  }
  close_run();
  if (side_) description_.rows.push_back(*side_);
}

void Describer::add_marks() {
  const repository::MarkList list = repository::list_marks(session_.repository(), timeline_.series);
  for (const std::string& object : list.unreadable) {
    description_.warnings.push_back(fmt::format("{} is damaged and left out", object));
  }
  for (const Mark& mark : list.marks) {
    const auto state = std::ranges::lower_bound(states_, mark.position, {}, &KnownState::position);
    const bool there = state != states_.end() && state->position == mark.position;
    description_.rows.push_back({.kind = Kind::kMark,
                                 .from = mark.time,
                                 .to = mark.time,
                                 .first = mark.position,
                                 .last = mark.position,
                                 .states = there && state->reachable ? 1u : 0u,
                                 .text = mark.name});
  }
}

void Describer::add_snapshots() {
  repository::SnapshotList list = repository::list_snapshots(session_.repository());
  for (const std::string& object : list.unreadable) {
    description_.warnings.push_back(fmt::format("{} is damaged and left out", object));
  }
  for (const repository::Snapshot& snapshot : list.snapshots) {
    const repository::DatabaseState* state = snapshot.database(description_.database);
    if (state == nullptr || repository::is_replicated(snapshot)) continue;
    description_.rows.push_back(
        {.kind = Kind::kSnapshot,
         .from = state->moment,
         .to = state->moment,
         .first = {},
         .last = {},
         .states = 1,
         .text = fmt::format("{} {}", snapshot.id.short_hex(), snapshot.name)});
  }
}

TimelineDescription Describer::describe() {
  add_states();
  add_marks();
  add_snapshots();
  std::ranges::stable_sort(description_.rows, {}, &TimelineRow::from);
  return std::move(description_);
}

}  // namespace

std::string_view kind_name(TimelineRow::Kind kind) {
  switch (kind) {
    case Kind::kReachable:
      return "reachable";
    case Kind::kGap:
      return "gap";
    case Kind::kFork:
      return "fork";
    case Kind::kSideBranch:
      return "side_branch";
    case Kind::kMark:
      return "mark";
    case Kind::kSnapshot:
      return "snapshot";
  }
  return "";
}

TimelineDescription describe_timeline(Session& session, std::string_view database) {
  return Describer(session, database).describe();
}

}  // namespace holdfast::service
