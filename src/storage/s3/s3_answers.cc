#include "storage/s3/s3_answers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <utility>

#include "base/bytes.h"
#include "storage/s3/xml_document.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t kMostErrorText = 1000;

std::optional<XmlElement> parse_root(std::string_view xml, std::string_view name) {
  auto root = parse_xml(xml);
  if (!root || root->name != name) return std::nullopt;
  return root;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<Time> parse_whole_seconds(std::string_view text) {
  const auto time = parse_rfc3339(text);
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(*time);
}

// Of a message that goes to a terminal.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMostErrorText));
  for (char& letter : out) {
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = ' ';
  }
  return out;
}

bool is_unreserved(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' || letter == '.' ||
         letter == '_' || letter == '~';
}

}  // namespace

std::optional<S3ErrorBody> parse_error_body(std::string_view xml) {
  const auto root = parse_root(xml, "Error");
  if (!root || root->child_text("Code").empty()) return std::nullopt;
  return S3ErrorBody{.code = printable(root->child_text("Code")),
                     .message = printable(root->child_text("Message")),
                     .region = printable(root->child_text("Region"))};
}

std::optional<ListPage> parse_list_page(std::string_view xml) {
  const auto root = parse_root(xml, "ListBucketResult");
  if (!root) return std::nullopt;
  const auto truncated = parse_flag(root->child_text("IsTruncated"));
  if (!truncated) return std::nullopt;
  ListPage page;
  for (const XmlElement& entry : root->children) {
    if (entry.name != "Contents") continue;
    auto key = percent_decode(entry.child_text("Key"), true);
    const auto size = parse_decimal(entry.child_text("Size"));
    const auto modified = parse_whole_seconds(entry.child_text("LastModified"));
    if (!key || key->empty() || !size || !modified) return std::nullopt;
    page.objects.push_back({.key = *std::move(key), .size = *size, .modified = *modified});
  }
  if (*truncated) {
    page.next = root->child_text("NextContinuationToken");
    if (page.next.empty()) return std::nullopt;
  }
  return page;
}

std::optional<VersionsPage> parse_versions_page(std::string_view xml) {
  const auto root = parse_root(xml, "ListVersionsResult");
  if (!root) return std::nullopt;
  const auto truncated = parse_flag(root->child_text("IsTruncated"));
  if (!truncated) return std::nullopt;
  VersionsPage page;
  for (const XmlElement& entry : root->children) {
    const bool removal = entry.name == "DeleteMarker";
    if (!removal && entry.name != "Version") continue;
    auto key = percent_decode(entry.child_text("Key"), true);
    const std::string_view version = entry.child_text("VersionId");
    const auto size =
        removal ? std::optional<std::uint64_t>(0) : parse_decimal(entry.child_text("Size"));
    const auto modified = parse_whole_seconds(entry.child_text("LastModified"));
    if (!key || key->empty() || version.empty() || !size || !modified) return std::nullopt;
    page.versions.push_back({.key = *std::move(key),
                             .version = std::string(version),
                             .removal = removal,
                             .size = *size,
                             .modified = *modified});
  }
  if (*truncated) {
    auto next_key = percent_decode(root->child_text("NextKeyMarker"), true);
    page.next_version = root->child_text("NextVersionIdMarker");
    if (!next_key || next_key->empty()) return std::nullopt;
    page.next_key = *std::move(next_key);
  }
  return page;
}

std::optional<UploadsPage> parse_uploads_page(std::string_view xml) {
  const auto root = parse_root(xml, "ListMultipartUploadsResult");
  if (!root) return std::nullopt;
  UploadsPage page;
  for (const XmlElement& entry : root->children) {
    if (entry.name != "Upload") continue;
    auto key = percent_decode(entry.child_text("Key"), true);
    const std::string_view id = entry.child_text("UploadId");
    const auto initiated = parse_whole_seconds(entry.child_text("Initiated"));
    if (!key || key->empty() || id.empty() || !initiated) return std::nullopt;
    page.uploads.push_back(
        {.key = *std::move(key), .id = std::string(id), .initiated = *initiated});
  }
  if (root->child_text("IsTruncated") == "true") {
    auto next_key = percent_decode(root->child_text("NextKeyMarker"), true);
    page.next_id = root->child_text("NextUploadIdMarker");
    if (!next_key || next_key->empty()) return std::nullopt;
    page.next_key = *std::move(next_key);
  }
  return page;
}

std::optional<std::string> parse_upload_id(std::string_view xml) {
  const auto root = parse_root(xml, "InitiateMultipartUploadResult");
  if (!root || root->child_text("UploadId").empty()) return std::nullopt;
  return std::string(root->child_text("UploadId"));
}

std::optional<std::vector<FailedRemoval>> parse_delete_result(std::string_view xml) {
  const auto root = parse_root(xml, "DeleteResult");
  if (!root) return std::nullopt;
  std::vector<FailedRemoval> failed;
  for (const XmlElement& entry : root->children) {
    if (entry.name != "Error") continue;
    failed.push_back(
        {.key = printable(entry.child_text("Key")), .code = printable(entry.child_text("Code"))});
  }
  return failed;
}

std::optional<Time> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kShape = "Sun, 22 Nov 2026 12:00:00 GMT";
  if (text.size() != kShape.size() || !text.ends_with(" GMT")) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    const auto found = parse_decimal(text.substr(at, size));
    return found ? static_cast<int>(*found) : -1;
  };
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  const int day = number(5, 2), year = number(12, 4);
  const int hour = number(17, 2), minute = number(20, 2), second = number(23, 2);
  if (month == kMonths.end() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60 || year < 1970) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(year),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(static_cast<unsigned>(day))};
  if (day < 1 || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const auto dash = text.find('-'), slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = parse_decimal(text.substr(0, dash));
  const auto last = parse_decimal(text.substr(dash + 1, slash - dash - 1));
  const auto total = parse_decimal(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{.first = *first, .last = *last, .total = *total};
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [last, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc{} || last != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char letter : text) {
    if (is_unreserved(letter) || (letter == '/' && keep_slashes)) {
      out += letter;
      continue;
    }
    const auto code = static_cast<unsigned char>(letter);
    out += '%';
    out += kDigits[code >> 4];
    out += kDigits[code & 0xf];
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += plus_is_space && text[at] == '+' ? ' ' : text[at];
      continue;
    }
    std::string digits(text.substr(at + 1, 2));
    for (char& digit : digits) {
      digit = static_cast<char>(std::tolower(static_cast<unsigned char>(digit)));
    }
    std::array<std::byte, 1> byte{};
    if (!from_hex(digits, byte)) return std::nullopt;
    out += static_cast<char>(byte[0]);
    at += 2;
  }
  return out;
}

}  // namespace holdfast::storage
