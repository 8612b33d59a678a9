// Records of a collection as JSON text, row by row: byte for byte record_text() of the record that
// RecordDatabase::get() finds, without a document for each row.
#ifndef HOLDFAST_ENGINE_EXPORTS_RECORD_PRINTER_H_
#define HOLDFAST_ENGINE_EXPORTS_RECORD_PRINTER_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/row_reader.h"
#include "engine/records/record_mapping.h"

namespace holdfast::engine {

// The collection with its tables as they are now. Throws kTableMissing, kConfiguration.
RecordLayout read_layout(RowReader& reader, const Collection& collection);

// By one thread at a time; layout and reader must outlive it. Rows have the columns of
// layout.mapping.
class RecordPrinter {
 public:
  RecordPrinter(const RecordLayout& layout, RowReader& reader);

  // All rows, in the order of their keys.
  RowQuery query() const;
  void append_record(std::span<const Cell> row, std::string& out);
  // The id of the record as a JSON string.
  void append_id(std::span<const Cell> row, std::string& out) const;

  // The same in columns, for CSV: of a header and of a row. docs/exports.md has the rules.
  void append_csv_header(std::string& out) const;
  void append_csv_row(std::span<const Cell> row, std::string& out);

 private:
  struct Field {
    std::map<std::string, Field, std::less<>> fields;
    std::optional<std::size_t> column, child;
  };
  struct Step {
    std::string before;  // punctuation and names
    bool is_child = false;
    std::size_t number = 0;  // of the column or child
  };

  void plan(const Field& field, std::string& text);
  void append_children(std::size_t child, std::span<const Cell> row, std::string& out);

  const RecordLayout& layout_;
  RowReader& reader_;
  std::vector<Step> steps_;
  std::string end_;
  std::string cell_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_RECORD_PRINTER_H_
