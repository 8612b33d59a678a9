#include "repository/timeline_segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <string>
#include <utility>

#include "base/error.h"
#include "repository/document.h"
#include "repository/timeline_names.h"

namespace holdfast::repository {
namespace {

constexpr std::uint8_t kVersion = 1, kScanned = 1;
constexpr std::uint32_t kLeastPageSize = 512, kLargestPageSize = 65536;
constexpr std::uint64_t kMostSegmentPages = 0xFFFFFFFE;
constexpr std::size_t kChecksumBytes = 32;

bool is_page_size(std::uint32_t size) {
  return std::has_single_bit(size) && size >= kLeastPageSize && size <= kLargestPageSize;
}

// Why it cannot be a segment; empty if it can.
std::string_view flaw_of(const Segment& segment) {
  if (!is_page_size(segment.page_size)) return "it has no page size";
  if (segment.page_count > kMostSegmentPages) return "it has too many pages";
  if (std::ranges::adjacent_find(segment.pages, std::ranges::greater_equal()) !=
      segment.pages.end()) {
    return "its pages are not in order";
  }
  if (!segment.pages.empty() &&
      (segment.pages.front() == 0 || segment.pages.back() > segment.page_count)) {
    return "it names pages that the database does not have";
  }
  if (segment.content.size() != segment.pages.size() * segment.page_size) {
    return "its content has another length";
  }
  return {};
}

SegmentName name_of(const Segment& segment) {
  return {.position = segment.position,
          .base = segment.base,
          .time = nameable(segment.time),
          .check = check_of(segment.checksum)};
}

}  // namespace

Bytes serialize(const Segment& segment) {
  const std::string_view flaw = flaw_of(segment);
  std::array<std::byte, kChecksumBytes> checksum{};
  if (!flaw.empty() || !from_hex(segment.checksum, checksum)) {
    throw Error(ErrorCode::kInternal,
                fmt::format("segment {} cannot be written: {}", to_text(segment.position),
                            flaw.empty() ? "it has no checksum" : flaw));
  }
  ByteWriter out;
  out.number(kVersion);
  out.number(segment.scanned ? kScanned : std::uint8_t{0});
  out.number(std::uint16_t{0});
  out.number(segment.position.branch);
  out.number(segment.position.number);
  out.number(segment.base);
  out.number(std::int64_t{nameable(segment.time).time_since_epoch().count()});
  out.number(segment.page_size);
  out.number(segment.page_count);
  out.raw(checksum);
  out.varint(segment.pages.size());
  std::uint32_t last = 0;
  for (const std::uint32_t page : segment.pages) {
    out.varint(page - last);
    last = page;
  }
  out.raw(segment.content);
  return out.take();
}

Segment parse_segment(const SegmentName& name, Bytes content) {
  const std::string what = fmt::format("segment {}", to_text(name.position));
  const auto damaged = [&](std::string_view problem) {
    return Error(ErrorCode::kDamagedObject, fmt::format("{}: {}", what, problem));
  };
  ByteReader in(content, what);
  if (in.number<std::uint8_t>() != kVersion) {
    throw Error(ErrorCode::kRepositoryVersion,
                fmt::format("{} was written by a newer version of Holdfast", what));
  }
  const auto flags = in.number<std::uint8_t>();
  if (flags > kScanned || in.number<std::uint16_t>() != 0) throw damaged("unknown flags");
  Segment segment;
  segment.scanned = flags == kScanned;
  segment.position.branch = in.number<std::uint32_t>();
  segment.position.number = in.number<std::uint64_t>();
  segment.base = in.number<std::uint64_t>();
  segment.time = Time(Duration(in.number<std::int64_t>()));
  segment.page_size = in.number<std::uint32_t>();
  segment.page_count = in.number<std::uint64_t>();
  segment.checksum = to_hex(in.raw(kChecksumBytes));
  const std::uint64_t count = in.varint();
  // Before anything is allocated: each page has a byte of the list and its content.
  if (count > in.remaining()) throw damaged("it has too many pages");
  segment.pages.reserve(count);
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t step = in.varint();
    if (step == 0 || step > kMostSegmentPages - last) throw damaged("its pages are not in order");
    last += step;
    segment.pages.push_back(static_cast<std::uint32_t>(last));
  }
  // What stands before the pages is little, and they are a megabyte: moved up, not copied.
  content.erase(content.begin(), content.end() - static_cast<std::ptrdiff_t>(in.remaining()));
  segment.content = std::move(content);
  if (const std::string_view flaw = flaw_of(segment); !flaw.empty()) throw damaged(flaw);
  if (segment.position != name.position || segment.base != name.base || segment.time != name.time ||
      !segment.checksum.starts_with(name.check)) {
    throw damaged("it is another segment than its name says");
  }
  return segment;
}

SealedObject seal_segment(const Repository& repository, std::string_view series,
                          const Segment& segment) {
  std::string name = object_name(series, name_of(segment));
  Bytes content =
      seal_document(repository.keys().documents, DocumentKind::kSegment, name, serialize(segment));
  return {.name = std::move(name), .content = std::move(content)};
}

void put_sealed(const Repository& repository, const SealedObject& object) {
  try {
    repository.store().put(object.name, object.content);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kAlreadyExists) throw;
    if (repository.store().get(object.name) != object.content) throw;
  }
}

Segment read_segment(const Repository& repository, std::string_view series,
                     const SegmentName& name) {
  const std::string object = object_name(series, name);
  return parse_segment(name, open_document(repository.keys().documents, DocumentKind::kSegment,
                                           object, repository.store().get(object)));
}

}  // namespace holdfast::repository
