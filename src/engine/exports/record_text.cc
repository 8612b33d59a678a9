#include "engine/exports/record_text.h"

namespace holdfast::engine {

std::string text_before_records(ExportFormat format, const RecordPrinter& printer) {
  std::string text;
  if (format == ExportFormat::kObject) text = "{";
  if (format == ExportFormat::kArray) text = "[";
  if (format == ExportFormat::kCsv) printer.append_csv_header(text);
  return text;
}

std::string_view text_between_records(ExportFormat format) {
  return format == ExportFormat::kObject || format == ExportFormat::kArray ? "," : "";
}

std::string_view text_after_records(ExportFormat format) {
  if (format == ExportFormat::kObject) return "}";
  return format == ExportFormat::kArray ? "]" : "";
}

std::size_t append_record_text(ExportFormat format, RecordPrinter& printer,
                               std::span<const Cell> row, std::string& out) {
  const std::size_t begin = out.size();
  std::size_t id = 0;
  switch (format) {
    case ExportFormat::kObject:
      printer.append_id(row, out);
      id = out.size() - begin;
      out += ':';
      printer.append_record(row, out);
      break;
    case ExportFormat::kArray:
      printer.append_record(row, out);
      break;
    case ExportFormat::kLines:
      printer.append_record(row, out);
      out += '\n';
      break;
    case ExportFormat::kCsv:
      printer.append_csv_row(row, out);
      break;
    case ExportFormat::kFiles:
      printer.append_id(row, out);
      out += '\t';
      printer.append_record(row, out);
      out += '\n';
      break;
  }
  return id;
}

}  // namespace holdfast::engine
