#include "engine/backup/placement.h"

#include <algorithm>

namespace holdfast::engine {
namespace {

void append(std::vector<Placement>& runs, const Placement& run) {
  if (!runs.empty()) {
    Placement& last = runs.back();
    if (last.blob == run.blob && last.first + last.count == run.first &&
        last.slot + last.count == run.slot) {
      last.count += run.count;
      return;
    }
  }
  runs.push_back(run);
}

// Puts `later` over `sorted`: what it covers is cut out of what was there.
std::vector<Placement> overlay(const std::vector<Placement>& sorted,
                               const std::vector<Placement>& later) {
  std::vector<Placement> merged;
  merged.reserve(sorted.size() + later.size());
  auto over = later.begin();
  for (const Placement& under : sorted) {
    std::uint64_t at = under.first;
    const std::uint64_t end = std::uint64_t{under.first} + under.count;
    while (at < end) {
      while (over != later.end() && std::uint64_t{over->first} + over->count <= at) {
        append(merged, *over++);
      }
      if (over != later.end() && over->first <= at) {
        at = std::min<std::uint64_t>(end, std::uint64_t{over->first} + over->count);
        continue;
      }
      const std::uint64_t until =
          over == later.end() ? end : std::min<std::uint64_t>(end, over->first);
      append(merged, {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(until - at),
                      under.blob, static_cast<std::uint32_t>(under.slot + (at - under.first))});
      at = until;
    }
  }
  while (over != later.end()) append(merged, *over++);
  return merged;
}

bool overlaps(const std::vector<Placement>& sorted) {
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (std::uint64_t{sorted[i - 1].first} + sorted[i - 1].count > sorted[i].first) return true;
  }
  return false;
}

std::vector<Placement> settle_range(std::vector<Placement> runs) {
  std::vector<Placement> sorted = runs;
  std::ranges::sort(sorted, {}, &Placement::first);
  if (!overlaps(sorted)) {
    std::vector<Placement> joined;
    for (const Placement& run : sorted) append(joined, run);
    return joined;
  }
  const auto middle = runs.begin() + static_cast<std::ptrdiff_t>(runs.size() / 2);
  return overlay(settle_range({runs.begin(), middle}), settle_range({middle, runs.end()}));
}

}  // namespace

void Placements::add(const BlobId& blob, std::span<const std::uint32_t> pages) {
  const auto number = static_cast<std::uint32_t>(blobs_.size());
  blobs_.push_back(blob);
  for (std::uint32_t slot = 0; slot < pages.size(); ++slot) {
    const bool first = slot == 0;
    if (!first && pages[slot] == pages[slot - 1] + 1) {
      ++runs_.back().count;
    } else {
      runs_.push_back({pages[slot], 1, number, slot});
    }
  }
}

std::vector<Placement> Placements::settle(std::uint64_t page_count) const {
  std::vector<Placement> settled = settle_range(runs_);
  while (!settled.empty() && settled.back().first > page_count) settled.pop_back();
  if (!settled.empty()) {
    Placement& last = settled.back();
    last.count = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(last.count, page_count - last.first + 1));
  }
  return settled;
}

}  // namespace holdfast::engine
