// Names of the objects of a timeline: made and understood. docs/format.md, "Timelines".
#ifndef HOLDFAST_REPOSITORY_TIMELINE_NAMES_H_
#define HOLDFAST_REPOSITORY_TIMELINE_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "repository/timeline.h"

namespace holdfast::repository {

// "timelines/<series>/s/", "…/a/", "…/m/".
std::string segment_folder(std::string_view series);
std::string anchor_folder(std::string_view series);
std::string mark_folder(std::string_view series);
// What the names of all segments of a branch begin with.
std::string segment_prefix(std::string_view series, Branch branch);
std::string anchor_prefix(std::string_view series, Branch branch);

// The whole name. Throws kInternal for what cannot be in one.
std::string object_name(std::string_view series, const SegmentName& name);
std::string object_name(std::string_view series, const AnchorName& name);

// Empty for what no object of this series and kind is called; else every member is filled in, and
// object_name() gives the same name again.
std::optional<SegmentName> parse_segment_name(std::string_view series, std::string_view object);
std::optional<AnchorName> parse_anchor_name(std::string_view series, std::string_view object);

// The nearest time that can be in a name.
Time nameable(Time time);
// How much of a checksum is in names.
inline constexpr std::size_t kCheckDigits = 16;
// That part. Throws kInternal for what is no checksum.
std::string check_of(std::string_view checksum);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TIMELINE_NAMES_H_
