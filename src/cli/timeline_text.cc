#include "cli/timeline_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "cli/wording.h"

namespace holdfast::cli {
namespace {

using service::TimelineRow;
using Kind = TimelineRow::Kind;

// What stands beside the line at one moment.
struct Event {
  Time time{};
  int order = 0;  // of those at one time: a run begins first and ends last
  std::string symbol, text;
  bool inside_after = false;  // a run is under way below this line
  std::vector<std::string> below;
};

double seconds_between(Time from, Time to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string range_of(const TimelineRow& row) {
  if (row.first == row.last) return to_text(row.first);
  return fmt::format("{} … {}", to_text(row.first), to_text(row.last));
}

void add_run(std::vector<Event>& events, const TimelineRow& row) {
  if (row.states == 1) {
    events.push_back({row.from, 1, "●", to_text(row.first), false, {}});
    return;
  }
  const std::string between =
      fmt::format("{} over {}", counted(row.states, "state"),
                  format_seconds(std::max(0.0, seconds_between(row.from, row.to))));
  events.push_back({row.from, 0, "┬", to_text(row.first), true, {between}});
  events.push_back({row.to, 3, "┴", to_text(row.last), false, {}});
}

void add_events(std::vector<Event>& events, const TimelineRow& row) {
  const std::string text = printable(row.text);
  switch (row.kind) {
    case Kind::kReachable:
      add_run(events, row);
      break;
    case Kind::kGap:
      events.push_back(
          {row.from,
           4,
           "╳",
           fmt::format("gap of {}: {}",
                       format_seconds(std::max(0.0, seconds_between(row.from, row.to))), text),
           false,
           {}});
      break;
    case Kind::kFork:
      events.push_back({row.to,
                        -1,
                        "↰",
                        fmt::format("goes on from {}: {}", to_text(row.first), text),
                        false,
                        {}});
      break;
    case Kind::kSideBranch:
      events.push_back(
          {row.from,
           2,
           "╌",
           fmt::format("side branch {}, {}: {}", range_of(row), counted(row.states, "state"), text),
           false,
           {}});
      break;
    case Kind::kMark:
      events.push_back({row.from,
                        2,
                        "◆",
                        fmt::format("mark \"{}\" at {}{}", text, to_text(row.first),
                                    row.states == 0 ? ", which cannot be reached" : ""),
                        false,
                        {}});
      break;
    case Kind::kSnapshot:
      events.push_back({row.from, 2, "○", fmt::format("snapshot {}", text), false, {}});
      break;
  }
}

}  // namespace

std::string timeline_text(const service::TimelineDescription& timeline) {
  constexpr std::size_t kTimeWidth = 19;
  std::vector<Event> events;
  for (const TimelineRow& row : timeline.rows) add_events(events, row);
  std::ranges::stable_sort(events, [](const Event& a, const Event& b) {
    return std::pair(a.time, a.order) < std::pair(b.time, b.order);
  });
  std::string text;
  bool inside = false;
  const std::string no_time(kTimeWidth, ' ');
  for (const Event& event : events) {
    const bool edge = event.symbol == "┬" || event.symbol == "┴";
    text += fmt::format("{}  {}  {}\n", format_local(event.time), event.symbol, event.text);
    if (edge) inside = event.inside_after;
    for (const std::string& line : event.below) {
      text += fmt::format("{}  {}  {}\n", no_time, inside ? "│" : " ", line);
    }
  }
  if (timeline.newest.branch != 0) {
    text += fmt::format("{}: {}, the newest {} of {}\n", printable(timeline.database),
                        counted(timeline.states, "state"), to_text(timeline.newest),
                        format_local(timeline.newest_time));
  }
  return text;
}

}  // namespace holdfast::cli
