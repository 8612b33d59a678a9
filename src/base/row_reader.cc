#include "base/row_reader.h"

namespace holdfast {

Cell cell_of(const Value& value) {
  Cell cell;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    cell.type = Cell::Type::kInteger;
    cell.integer = *whole;
  } else if (const auto* real = std::get_if<double>(&value)) {
    cell.type = Cell::Type::kReal;
    cell.real = *real;
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    cell.type = Cell::Type::kText;
    cell.bytes = *text;
  } else if (const auto* blob = std::get_if<Bytes>(&value)) {
    cell.type = Cell::Type::kBlob;
    cell.bytes = as_text(*blob);
  }
  return cell;
}

Value value_of(const Cell& cell) {
  switch (cell.type) {
    case Cell::Type::kInteger:
      return cell.integer;
    case Cell::Type::kReal:
      return cell.real;
    case Cell::Type::kText:
      return std::string(cell.bytes);
    case Cell::Type::kBlob: {
      const ByteView bytes = as_bytes(cell.bytes);
      return Bytes(bytes.begin(), bytes.end());
    }
    case Cell::Type::kNull:
      break;
  }
  return {};
}

}  // namespace holdfast
