#include "engine/exports/export_target.h"

#include <array>
#include <utility>

namespace holdfast::engine {
namespace {

constexpr std::array<std::pair<ExportFormat, std::string_view>, 5> kNames = {
    {{ExportFormat::kObject, "object"},
     {ExportFormat::kArray, "array"},
     {ExportFormat::kLines, "jsonl"},
     {ExportFormat::kCsv, "csv"},
     {ExportFormat::kFiles, "files"}}};

}  // namespace

std::string_view format_name(ExportFormat format) {
  for (const auto& [known, name] : kNames) {
    if (known == format) return name;
  }
  return "object";
}

std::optional<ExportFormat> format_of_name(std::string_view name) {
  for (const auto& [format, known] : kNames) {
    if (known == name) return format;
  }
  return std::nullopt;
}

ExportFormat format_of_file(const env::Path& file) {
  const env::Path name = file.extension() == ".b64" ? file.stem() : file.filename();
  if (name.extension() == ".jsonl" || name.extension() == ".ndjson") return ExportFormat::kLines;
  return name.extension() == ".csv" ? ExportFormat::kCsv : ExportFormat::kObject;
}

}  // namespace holdfast::engine
