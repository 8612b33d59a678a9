// Where a collection is exported to, and as what. Plain data; docs/exports.md is the reference.
#ifndef HOLDFAST_ENGINE_EXPORTS_EXPORT_TARGET_H_
#define HOLDFAST_ENGINE_EXPORTS_EXPORT_TARGET_H_

#include <optional>
#include <string>
#include <string_view>

#include "env/file_system.h"

namespace holdfast::engine {

enum class ExportFormat {
  kObject,  // {"<id>":<record>,…}
  kArray,   // [<record>,…]
  kLines,   // <record> a line
  kCsv,     // a header, and a row a record
  kFiles,   // a folder with <id>.json for each record
};
std::string_view format_name(ExportFormat format);  // "object", "array", "jsonl", "csv", "files"
std::optional<ExportFormat> format_of_name(std::string_view name);
// By the file's name: "x.jsonl" and "x.csv" say what they are, anything else is an object.
// ".b64" at the end is left aside.
ExportFormat format_of_file(const env::Path& file);

struct ExportTarget {
  std::string collection;
  env::Path file;  // absolute
  ExportFormat format = ExportFormat::kObject;
  bool base64 = false;  // all of it, on one line
  bool spare = true;    // a large file is kept when it is replaced, to make the next one of it
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_EXPORT_TARGET_H_
