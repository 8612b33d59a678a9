// What kind of copy of records a file is: by its content, never by its name.
#ifndef HOLDFAST_ENGINE_LEGACY_FILE_FORMAT_H_
#define HOLDFAST_ENGINE_LEGACY_FILE_FORMAT_H_

#include <string_view>

namespace holdfast::engine {

enum class FileFormat {
  kUnknown,
  kObject,  // records keyed by id
  kRecord,  // one record
  kArray,   // of records
  kLines,   // a record a line
  kSqlite,
  kSql,      // a dump of SQLite
  kArchive,  // .tar or .tar.gz
  kServer,   // no file: a database of PostgreSQL
};
std::string_view format_label(FileFormat format);  // "JSON object", "SQLite database" …

struct FileKind {
  FileFormat format = FileFormat::kUnknown;  // kObject stands for all that is JSON
  bool base64 = false;
};
// By the first bytes of a file (some hundred suffice).
FileKind detect_kind(std::string_view head);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_FILE_FORMAT_H_
