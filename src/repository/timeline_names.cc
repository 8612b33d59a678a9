#include "repository/timeline_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/error.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kTimelinesPrefix = "timelines/", kSegments = "/s/", kAnchors = "/a/";
constexpr std::size_t kChecksumDigits = 64;
// So that no sum or difference of two of them overflows.
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 62;
constexpr Time kLatest{std::chrono::seconds(253'402'300'799)};  // 9999-12-31T23:59:59Z

constexpr std::uint8_t kNoDigit = 0xff;
// By letter. A restore waits for the reading of tens of thousands of names.
constexpr std::array<std::uint8_t, 256> kDigitValues = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  std::uint8_t value = 0;
  for (const char digit : std::string_view("0123456789abcdef")) {
    digits[static_cast<unsigned char>(digit)] = value++;
  }
  return digits;
}();

std::uint8_t digit_of(char letter) { return kDigitValues[static_cast<unsigned char>(letter)]; }

bool is_hex(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return digit_of(c) == kNoDigit; });
}

std::uint64_t microseconds(Time time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

// Takes fields of fixed width off a name.
class NameReader {
 public:
  explicit NameReader(std::string_view rest) : rest_(rest) {}

  std::string_view text(std::size_t digits) {
    const std::string_view field = take(digits);
    good_ = good_ && is_hex(field);
    return field;
  }
  // At most 16 digits.
  std::uint64_t number(std::size_t digits, std::uint64_t most) {
    std::uint64_t value = 0;
    std::uint8_t seen = 0;
    for (const char letter : take(digits)) {
      const std::uint8_t digit = digit_of(letter);
      seen |= digit;
      value = value << 4 | (digit & 0xfu);
    }
    good_ = good_ && seen < 16 && value <= most;
    return value;
  }
  Branch branch() { return static_cast<Branch>(number(8, 0xFFFFFFFF)); }
  std::uint64_t position() { return number(16, kMostNumber); }
  Time time() {
    return Time(Duration(static_cast<std::int64_t>(number(16, microseconds(kLatest)))));
  }
  bool complete() const { return good_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (count_++ > 0) {
      good_ = good_ && rest_.starts_with('-');
      rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));
    }
    const std::string_view field = rest_.substr(0, size);
    good_ = good_ && field.size() == size;
    rest_.remove_prefix(field.size());
    return field;
  }

  std::string_view rest_;
  std::size_t count_ = 0;
  bool good_ = true;
};

// What follows "timelines/<series>/<kind>/".
std::optional<std::string_view> below(std::string_view series, std::string_view kind,
                                      std::string_view object) {
  for (const std::string_view part : {kTimelinesPrefix, series, kind}) {
    if (!object.starts_with(part)) return std::nullopt;
    object.remove_prefix(part.size());
  }
  return object;
}

bool has_sound_numbers(const SegmentName& name) {
  return name.position.branch > 0 && name.position.number > name.base &&
         name.position.number <= kMostNumber && name.time == nameable(name.time);
}

bool has_sound_numbers(const AnchorName& name) {
  return name.position.branch > 0 && name.position.number > 0 &&
         name.position.number <= kMostNumber && name.origin.number <= kMostNumber &&
         name.origin.branch <= name.position.branch && name.time == nameable(name.time) &&
         name.relation <= Relation::kReplaced;
}

template <typename Name>
bool is_sound(const Name& name) {
  return has_sound_numbers(name) && name.check.text().size() == kCheckDigits && is_hex(name.check);
}

template <typename Name>
void require_sound(const Name& name) {
  if (is_sound(name)) return;
  throw Error(ErrorCode::kInternal, fmt::format("position {} (check \"{}\") cannot be in a name",
                                                to_text(name.position), name.check.text()));
}

}  // namespace

std::string segment_folder(std::string_view series) {
  return fmt::format("{}{}{}", kTimelinesPrefix, series, kSegments);
}
std::string anchor_folder(std::string_view series) {
  return fmt::format("{}{}{}", kTimelinesPrefix, series, kAnchors);
}
std::string mark_folder(std::string_view series) {
  return fmt::format("{}{}/m/", kTimelinesPrefix, series);
}
std::string segment_prefix(std::string_view series, Branch branch) {
  return fmt::format("{}{:08x}-", segment_folder(series), branch);
}
std::string anchor_prefix(std::string_view series, Branch branch) {
  return fmt::format("{}{:08x}-", anchor_folder(series), branch);
}

std::string object_name(std::string_view series, const SegmentName& name) {
  require_sound(name);
  return fmt::format("{}{:016x}-{:016x}-{:016x}-{}", segment_prefix(series, name.position.branch),
                     name.position.number, name.base, microseconds(name.time), name.check.text());
}

std::string object_name(std::string_view series, const AnchorName& name) {
  require_sound(name);
  return fmt::format("{}{:016x}-{:016x}-{:08x}-{:016x}-{:x}-{}-{}",
                     anchor_prefix(series, name.position.branch), name.position.number,
                     microseconds(name.time), name.origin.branch, name.origin.number,
                     static_cast<unsigned>(name.relation), name.check.text(), name.snapshot.hex());
}

std::optional<SegmentName> parse_segment_name(std::string_view series, std::string_view object) {
  const auto rest = below(series, kSegments, object);
  if (!rest) return std::nullopt;
  NameReader reader(*rest);
  SegmentName name;
  name.position.branch = reader.branch();
  name.position.number = reader.position();
  name.base = reader.position();
  name.time = reader.time();
  name.check = reader.text(kCheckDigits);
  if (!reader.complete() || !has_sound_numbers(name)) return std::nullopt;
  return name;
}

std::optional<AnchorName> parse_anchor_name(std::string_view series, std::string_view object) {
  const auto rest = below(series, kAnchors, object);
  if (!rest) return std::nullopt;
  NameReader reader(*rest);
  AnchorName name;
  name.position.branch = reader.branch();
  name.position.number = reader.position();
  name.time = reader.time();
  name.origin.branch = reader.branch();
  name.origin.number = reader.position();
  name.relation =
      static_cast<Relation>(reader.number(1, static_cast<unsigned>(Relation::kReplaced)));
  name.check = reader.text(kCheckDigits);
  const auto snapshot = SnapshotId::from_hex(reader.text(2 * SnapshotId::kSize));
  name.object = object;
  if (!reader.complete() || !snapshot || !has_sound_numbers(name)) return std::nullopt;
  name.snapshot = *snapshot;
  return name;
}

Time nameable(Time time) { return std::clamp(time, Time{}, kLatest); }

std::string check_of(std::string_view checksum) {
  if (checksum.size() != kChecksumDigits || !is_hex(checksum)) {
    throw Error(ErrorCode::kInternal, fmt::format("\"{}\" is no checksum", checksum));
  }
  return std::string(checksum.substr(0, kCheckDigits));
}

}  // namespace holdfast::repository
