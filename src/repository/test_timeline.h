// Timelines of made-up databases: listings alone, and whole ones that can be read back.
#ifndef HOLDFAST_REPOSITORY_TEST_TIMELINE_H_
#define HOLDFAST_REPOSITORY_TEST_TIMELINE_H_

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "repository/test_repository.h"
#include "repository/timeline.h"
#include "repository/timeline_names.h"

namespace holdfast::repository {

inline constexpr std::string_view kSeries = "0123456789abcdef0123456789abcdef";

inline Time second(std::int64_t number) {
  return time_of("2026-11-21T00:00:00Z") + std::chrono::seconds(number);
}

inline std::string checksum_of(std::uint64_t number) {
  return fmt::format("{:016x}{:048x}", number * 0x9E3779B97F4A7C15u, number);
}

// The n-th position is n seconds late, unless said otherwise.
inline SegmentName segment_at(Branch branch, std::uint64_t number, std::uint64_t base) {
  return {.position = {.branch = branch, .number = number},
          .base = base,
          .time = second(static_cast<std::int64_t>(number)),
          .check = checksum_of(number)};
}
inline AnchorName anchor_at(Branch branch, std::uint64_t number, Relation relation = {},
                            Position origin = {}) {
  AnchorName name{.position = {.branch = branch, .number = number},
                  .time = second(static_cast<std::int64_t>(number)),
                  .origin = origin,
                  .relation = relation,
                  .check = checksum_of(number).substr(0, 16),
                  .snapshot = snapshot_id(number * 100 + branch),
                  .object = {}};
  name.object = object_name(kSeries, name);
  return name;
}

// How far a writer's n-th segment after an anchor reaches back: over 4^k, the largest that divides
// n.
inline std::uint64_t reach_of(std::uint64_t n) {
  std::uint64_t reach = 1;
  while (n % (reach * 4) == 0) reach *= 4;
  return reach;
}

// What a writer's session of `count` segments lists, with an anchor at `first`.
inline void add_session(Timeline& timeline, const AnchorName& first, std::uint64_t count) {
  timeline.series = kSeries;
  timeline.anchors.push_back(first);
  const std::uint64_t start = first.position.number;
  for (std::uint64_t n = 1; n <= count; ++n) {
    timeline.segments.push_back(
        segment_at(first.position.branch, start + n, start + n - reach_of(n)));
  }
}

inline std::vector<std::uint64_t> numbers_of(const StatePath& path) {
  std::vector<std::uint64_t> numbers;
  for (const SegmentName& segment : path.segments) numbers.push_back(segment.position.number);
  numbers.push_back(path.anchor.position.number);
  return numbers;
}

inline bool is_reachable(const Timeline& timeline, const Position& position) {
  return find_path(timeline, position).has_value();
}

// A database of made-up pages whose every state is kept, and the objects that a writer makes of it.
class RecordedDatabase {
 public:
  using State = std::vector<std::uint32_t>;  // what each page holds
  static constexpr std::uint32_t kSize = 512;

  RecordedDatabase(const Repository& repository, std::uint64_t seed, std::size_t pages)
      : repository_(repository), random_(seed), state_(pages) {
    for (std::uint32_t& page : state_) page = next_++;
  }

  // An anchor of the present state, and the snapshot that it stands for.
  AnchorName put_anchor_here(Branch branch, std::uint64_t number, Relation relation = {},
                             Position origin = {}) {
    Snapshot snapshot = make_snapshot(number * 100 + branch, second(0) + Duration(number));
    snapshot.tags = {"replicated"};
    put_snapshot(repository_, snapshot);
    snapshots_[snapshot.id] = state_;
    branch_ = branch;
    start_ = number_ = number;
    states_[here()] = state_;
    changes_.clear();
    return put_anchor(repository_, series(),
                      {.name = {.position = here(),
                                .time = second(static_cast<std::int64_t>(number)),
                                .origin = origin,
                                .relation = relation,
                                .check = {},
                                .snapshot = snapshot.id,
                                .object = {}},
                       .checksum = checksum_of(number),
                       .page_size = kSize,
                       .page_count = state_.size(),
                       .reason = "test",
                       .host = "ada"});
  }

  // Changes some pages, grows or shrinks, and puts the segment of that.
  Segment commit() {
    ++number_;
    if (random_() % 8 == 0) state_.resize(state_.size() + random_() % 3);
    if (random_() % 16 == 0 && state_.size() > 4) state_.resize(state_.size() - random_() % 3);
    std::set<std::uint32_t> changed;
    for (std::uint32_t page = 1; page <= state_.size(); ++page) {
      if (state_[page - 1] == 0 || random_() % state_.size() == 0) changed.insert(page);
    }
    for (const std::uint32_t page : changed) state_[page - 1] = next_++;
    changes_[number_] = changed;
    states_[here()] = state_;
    const Segment segment = segment_here(number_ - reach_of(number_ - start_));
    put_sealed(repository_, seal_segment(repository_, series(), segment));
    return segment;
  }

  Position here() const { return {.branch = branch_, .number = number_}; }
  const State& state_at(const Position& position) const { return states_.at(position); }
  const std::map<Position, State>& states() const { return states_; }
  std::string series() const { return timeline_series(repository_, "orders"); }

  // What a restore would write.
  State restored(const StatePath& path) const {
    State state = snapshots_.at(path.anchor.snapshot);
    for (auto name = path.segments.rbegin(); name != path.segments.rend(); ++name) {
      const Segment segment = read_segment(repository_, series(), *name);
      state.resize(segment.page_count);
      for (std::size_t i = 0; i < segment.pages.size(); ++i) {
        state.at(segment.pages[i] - 1) = load<std::uint32_t>(segment.content.data() + i * kSize);
      }
    }
    return state;
  }

 private:
  Segment segment_here(std::uint64_t base) const {
    std::set<std::uint32_t> pages;
    for (auto at = changes_.upper_bound(base); at != changes_.end(); ++at) {
      pages.insert(at->second.begin(), at->second.end());
    }
    Segment segment{.position = here(),
                    .base = base,
                    .time = second(static_cast<std::int64_t>(number_)),
                    .page_size = kSize,
                    .page_count = state_.size(),
                    .checksum = checksum_of(number_),
                    .scanned = false,
                    .pages = {},
                    .content = {}};
    for (const std::uint32_t page : pages) {
      if (page > state_.size()) continue;
      segment.pages.push_back(page);
      segment.content.resize(segment.content.size() + kSize);
      store(segment.content.data() + segment.content.size() - kSize, state_[page - 1]);
    }
    return segment;
  }

  const Repository& repository_;
  std::mt19937_64 random_;
  State state_;
  std::uint32_t next_ = 1;
  Branch branch_ = 0;
  std::uint64_t start_ = 0, number_ = 0;
  std::map<std::uint64_t, std::set<std::uint32_t>> changes_;
  std::map<SnapshotId, State> snapshots_;
  std::map<Position, State> states_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TEST_TIMELINE_H_
