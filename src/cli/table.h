#ifndef HOLDFAST_CLI_TABLE_H_
#define HOLDFAST_CLI_TABLE_H_

#include <string>
#include <vector>

namespace holdfast::cli {

enum class Align { kLeft, kRight };

// Columns as wide as their content, two spaces apart, without lines. A column that holds nothing is
// left out.
class Table {
 public:
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as columns.
  void add(std::vector<std::string> row);
  bool empty() const { return rows_.empty(); }
  // Each line ends in '\n'. `bold` makes the headings bold.
  std::string text(bool bold = false) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_TABLE_H_
