#include "cli/table.h"

#include <algorithm>

#include "cli/wording.h"

namespace holdfast::cli {
namespace {

void append_cell(std::string& line, const std::string& text, std::size_t width, Align align) {
  const std::size_t taken = display_width(text);
  const std::string gap(width > taken ? width - taken : 0, ' ');
  line += align == Align::kRight ? gap + text : text + gap;
  line += "  ";
}

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) {
    cell = printable(cell);
    std::ranges::replace(cell, '\n', ' ');
  }
  rows_.push_back(std::move(row));
}

std::string Table::text(bool bold) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    std::size_t width = 0;
    for (const auto& row : rows_) width = std::max(width, display_width(row[column]));
    widths.push_back(width == 0 ? 0 : std::max(width, display_width(columns_[column].heading)));
  }
  const auto line = [&](auto&& cell) {
    std::string result;
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      if (widths[column] > 0)
        append_cell(result, cell(column), widths[column], columns_[column].align);
    }
    return without_trailing_spaces(std::move(result));
  };
  std::string heading = line([&](std::size_t column) { return columns_[column].heading; });
  std::string result;
  if (!heading.empty()) result = bold ? "\x1b[1m" + heading + "\x1b[0m\n" : heading + "\n";
  for (const auto& row : rows_)
    result += line([&](std::size_t column) { return row[column]; }) + "\n";
  return result;
}

}  // namespace holdfast::cli
