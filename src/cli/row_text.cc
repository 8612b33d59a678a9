#include "cli/row_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "cli/wording.h"
#include "sqlite/table_shape.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kMostBytes = 60, kContext = 20;

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

struct Excerpt {
  std::size_t begin = 0, end = 0;
};
Excerpt excerpt_of(std::size_t size, std::size_t most, std::size_t start) {
  if (most == 0 || size <= most) return {0, size};
  const std::size_t begin = std::min(start, size - most);
  return {begin, begin + most};
}

std::string text_value(std::string_view text, std::size_t most, std::size_t start) {
  Excerpt part = excerpt_of(text.size(), most, start);
  while (part.begin > 0 && continues_character(text[part.begin])) --part.begin;
  while (part.end < text.size() && continues_character(text[part.end])) --part.end;
  std::string shown = part.begin > 0 ? "'…" : "'";
  for (const char c : printable(text.substr(part.begin, part.end - part.begin))) {
    if (c == '\n') {
      shown += "\\n";
    } else {
      shown.append(c == '\'' ? 2 : 1, c);
    }
  }
  return shown + (part.end < text.size() ? "…'" : "'");
}

std::string blob_value(ByteView blob, std::size_t most, std::size_t start) {
  const Excerpt part = excerpt_of(blob.size(), most / 2, start);
  const std::string hex = to_hex(blob.subspan(part.begin, part.end - part.begin));
  if (part.begin == 0 && part.end == blob.size()) return fmt::format("x'{}'", hex);
  return fmt::format("x'{}{}{}' ({} bytes)", part.begin > 0 ? "…" : "", hex,
                     part.end < blob.size() ? "…" : "", with_separators(blob.size()));
}

std::string real_value(double value) {
  std::string text = fmt::format("{}", value);
  // 3.0 is not 3.
  const bool whole =
      std::ranges::all_of(text, [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
  return whole ? text + ".0" : text;
}

std::string_view bytes_as_text(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* blob = std::get_if<Bytes>(&value)) return as_text(*blob);
  return {};
}

// Where two long values begin to differ, with some of what is before it.
std::size_t difference_start(const Value& before, const Value& after) {
  if (before.index() != after.index()) return 0;
  const std::string_view a = bytes_as_text(before), b = bytes_as_text(after);
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  return at < kContext ? 0 : at - kContext;
}

std::string painted(char sign, bool color) {
  if (!color) return std::string(1, sign);
  return fmt::format("\x1b[{}m{}\x1b[0m", sign == '+' ? 32 : sign == '-' ? 31 : 33, sign);
}

bool is_key(const sqlite::ComparedTable& table, const std::string& column) {
  return std::ranges::any_of(
      table.key, [&](const std::string& key) { return sqlite::same_name(key, column); });
}

}  // namespace

std::string value_text(const Value& value, std::size_t most, std::size_t start) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* real = std::get_if<double>(&value)) return real_value(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return text_value(*text, most, start);
  if (const auto* blob = std::get_if<Bytes>(&value)) return blob_value(*blob, most, start);
  return "NULL";
}

std::string row_text(const sqlite::ComparedTable& table, const sqlite::RowDifference& row,
                     bool whole, bool color) {
  using sqlite::RowChange;
  const std::size_t most = whole ? 0 : kMostBytes;
  std::vector<std::string> key, cells;
  for (std::size_t i = 0; i < row.key.size(); ++i) {
    key.push_back(fmt::format("{}={}", printable(table.key[i]), value_text(row.key[i], most)));
  }
  if (row.change == RowChange::kChanged) {
    for (const std::size_t i : row.changed) {
      const std::size_t start = whole ? 0 : difference_start(row.before[i], row.after[i]);
      cells.push_back(fmt::format("{}={} → {}", printable(table.columns[i]),
                                  value_text(row.before[i], most, start),
                                  value_text(row.after[i], most, start)));
    }
  } else {
    const auto& values = row.change == RowChange::kInserted ? row.after : row.before;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (is_key(table, table.columns[i])) continue;
      cells.push_back(
          fmt::format("{}={}", printable(table.columns[i]), value_text(values[i], most)));
    }
  }
  const char sign = row.change == RowChange::kInserted  ? '+'
                    : row.change == RowChange::kDeleted ? '-'
                                                        : '~';
  return fmt::format("  {} {}{}{}\n", painted(sign, color), fmt::join(key, ", "),
                     cells.empty() ? "" : ": ", fmt::join(cells, ", "));
}

}  // namespace holdfast::cli
