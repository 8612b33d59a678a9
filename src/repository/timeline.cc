#include "repository/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <tuple>

#include "repository/snapshot.h"
#include "repository/timeline_names.h"

namespace holdfast::repository {
namespace {

template <typename Number>
std::optional<Number> number_from(std::string_view text) {
  Number number = 0;
  const auto [last, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || last != text.data() + text.size() || number == 0) {
    return std::nullopt;
  }
  return number;
}

template <typename Name, typename Parse>
std::vector<Name> list_names(const Repository& repository, const std::string& folder,
                             std::string_view series, Parse parse) {
  std::vector<Name> names;
  repository.store().list_names(folder, [&](std::string_view object) {
    if (auto name = parse(series, object)) names.push_back(std::move(*name));
  });
  return names;
}

// Names sort as their positions do, so a listing is in this order already, or nearly.
template <typename Name, typename Key>
void put_in_order(std::vector<Name>& names, Key key) {
  if (!std::ranges::is_sorted(names, {}, key)) std::ranges::sort(names, {}, key);
}

}  // namespace

std::string to_text(const Position& position) {
  return fmt::format("{}.{}", position.branch, position.number);
}

std::optional<Position> parse_position(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) {
    const auto number = number_from<std::uint64_t>(text);
    if (!number) return std::nullopt;
    return Position{.branch = 0, .number = *number};
  }
  const auto branch = number_from<Branch>(text.substr(0, dot));
  const auto number = number_from<std::uint64_t>(text.substr(dot + 1));
  if (!branch || !number) return std::nullopt;
  return Position{.branch = *branch, .number = *number};
}

std::string timeline_series(const Repository& repository, std::string_view database) {
  DatabaseState state;
  state.name = database;
  return series_of(repository, std::span(&state, 1));
}

Timeline load_timeline(const Repository& repository, std::string_view series,
                       const std::set<SnapshotId>* snapshots) {
  Timeline timeline;
  timeline.series = series;
  // Segments first: those of a new branch are never seen without the anchor they go on from.
  timeline.segments =
      list_names<SegmentName>(repository, segment_folder(series), series, parse_segment_name);
  std::vector<AnchorName> anchors =
      list_names<AnchorName>(repository, anchor_folder(series), series, parse_anchor_name);
  put_in_order(timeline.segments, std::identity{});
  put_in_order(anchors, [](const AnchorName& name) {
    return std::tie(name.position, name.time, name.object);
  });
  for (AnchorName& anchor : anchors) {
    const bool there = snapshots == nullptr || snapshots->contains(anchor.snapshot);
    (there ? timeline.anchors : timeline.links).push_back(std::move(anchor));
  }
  return timeline;
}

}  // namespace holdfast::repository
