#include "engine/legacy/copy_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "engine/legacy/file_text.h"
#include "engine/legacy/held_databases.h"
#include "engine/legacy/json_copy.h"
#include "engine/legacy/table_copy.h"
#include "engine/scratch_directory.h"
#include "sqlite/companion_files.h"
#include "sqlite/health.h"
#include "sqlite/salvage/salvage.h"
#include "sqlite/view_reader.h"

namespace holdfast::engine {
namespace {

constexpr std::chrono::milliseconds kCopyPatience{1'000};

class CopyFile {
 public:
  CopyFile(env::FileSystem& files, const CopyRequest& request, const RecordVisitor& visit,
           Progress& progress)
      : files_(files),
        request_(request),
        visit_(visit),
        progress_(progress),
        scratch_(files, request.scratch, "copy") {}

  CopyReport read() {
    const FileKind kind = kind_of_file(files_, request_.file);
    report_.format = kind.format;
    report_.base64 = kind.base64;
    try {
      switch (kind.format) {
        case FileFormat::kSqlite:
        case FileFormat::kSql:
        case FileFormat::kArchive:
          read_databases(kind);
          break;
        case FileFormat::kUnknown:
          read_unknown();
          break;
        default:
          report_ = read_json_copy(text_of_file(files_, request_.file, progress_), kind.base64,
                                   key_fields(*request_.collection, request_.key), visit_);
      }
    } catch (const Error& error) {
      if (!is_of_the_copy(error.code())) throw;
      if (error.code() == ErrorCode::kTableMissing) {
        report_.unrelated = true;
      } else {
        report_.add_damage(error.happened());
      }
    }
    return std::move(report_);
  }

 private:
  env::Path scratch_file() {
    const env::Path path = scratch_.file(fmt::format("made-{}.db", made_++).c_str());
    files_.create(path);
    return path;
  }

  void read_database(const env::Path& path) {
    std::string damage;
    if (sqlite::journal_has_content(path)) {
      damage = "a rollback journal lies beside it, which is not played back";
    } else {
      const auto problems = sqlite::quick_check(path, kCopyPatience);
      if (!problems.empty()) damage = problems.front();
    }
    if (damage.empty()) return read_intact(path);
    report_.add_damage(damage);
    read_salvaged(path);
  }

  void read_intact(const env::Path& path) {
    sqlite::ViewReader reader(path, kCopyPatience);
    read_table_copy(reader, layout_of_copy(reader, *request_.collection, request_.key), report_,
                    visit_, progress_);
  }

  void read_salvaged(const env::Path& path) {
    const env::Path saved = scratch_file();
    sqlite::salvage(sqlite::open_damaged_image(path), saved, {}, progress_);
    read_intact(saved);
  }

  // Several databases of an archive may have a table of this name; one that is called as the
  // collection's is meant.
  void read_databases(FileKind kind) {
    const HeldDatabases held = find_databases(files_, request_.file, kind, scratch_, progress_);
    for (const std::string& damage : held.damages) report_.add_damage(damage);
    std::vector<HeldDatabase> named;
    for (const HeldDatabase& one : held.databases) {
      const std::string& meant = request_.collection->database;
      if (one.database.empty() ? env::Path(one.name).stem() == meant : one.database == meant) {
        named.push_back(one);
      }
    }
    const bool archive = kind.format == FileFormat::kArchive;
    bool any = false;
    for (const HeldDatabase& one : archive && !named.empty() ? named : held.databases) {
      try {
        read_database(one.path);
        any = true;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kTableMissing || !archive) throw;
      }
    }
    if (!any && held.damages.empty()) {
      report_.add_damage(
          fmt::format("no database in it has the table {}", request_.collection->table));
    }
  }

  void read_unknown() {
    const std::uint64_t size = files_.open_read(request_.file)->size();
    report_.add_damage(size == 0 ? "it is empty" : "it is none of the formats that are known");
    constexpr std::uint64_t kSmallestPage = 512;
    if (size < kSmallestPage) return;
    try {
      // Perhaps a database whose beginning is lost.
      read_salvaged(request_.file);
      report_.format = FileFormat::kSqlite;
    } catch (const Error& error) {
      if (!is_of_the_copy(error.code())) throw;
    }
  }

  env::FileSystem& files_;
  const CopyRequest& request_;
  const RecordVisitor& visit_;
  Progress& progress_;
  ScratchDirectory scratch_;
  int made_ = 0;
  CopyReport report_;
};

}  // namespace

CopyReport read_copy_file(env::FileSystem& files, const CopyRequest& request,
                          const RecordVisitor& visit, Progress& progress) {
  return CopyFile(files, request, visit, progress).read();
}

bool is_of_the_copy(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotADatabase:
    case ErrorCode::kDatabaseEmpty:
    case ErrorCode::kDatabaseDamaged:
    case ErrorCode::kDatabaseChanged:
    case ErrorCode::kDatabaseBusy:
    case ErrorCode::kHotJournal:
    case ErrorCode::kSqlite:
    case ErrorCode::kTableMissing:
    case ErrorCode::kConfiguration:
    case ErrorCode::kRecordInvalid:
      return true;
    default:
      return false;
  }
}

std::vector<FieldPath> key_fields(const Collection& collection,
                                  const std::vector<std::string>& key) {
  std::vector<FieldPath> fields;
  for (const std::string& column : key.empty() ? collection.key : key) {
    const auto mapping = std::ranges::find(collection.fields, column, &FieldMapping::column);
    fields.push_back(mapping == collection.fields.end() ? FieldPath{column} : mapping->path);
  }
  return fields;
}

}  // namespace holdfast::engine
