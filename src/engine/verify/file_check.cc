#include "engine/verify/file_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/exports/export_manifest.h"
#include "engine/legacy/copy_file.h"
#include "engine/legacy/file_text.h"
#include "engine/legacy/held_databases.h"
#include "engine/scratch_directory.h"
#include "sqlite/companion_files.h"
#include "sqlite/salvage/salvage.h"

namespace holdfast::engine {
namespace {

constexpr std::chrono::milliseconds kCheckPatience{10'000};
constexpr std::uint64_t kSmallestDatabase = 512;

class CheckOfFile {
 public:
  CheckOfFile(env::FileSystem& files, const FileCheckRequest& request, Progress& progress)
      : files_(files),
        request_(request),
        progress_(progress),
        scratch_(files, request.scratch, "check") {}

  FileCheck run() {
    const FileKind kind = kind_of_file(files_, request_.file);
    progress_.stage(fmt::format("Checking {}", request_.file.filename().string()), 0);
    try {
      read(kind);
    } catch (const Error& error) {
      if (!is_of_the_copy(error.code())) throw;
      check_.report.format = kind.format;
      check_.report.base64 = kind.base64;
      check_.report.add_damage(error.happened());
    }
    return std::move(check_);
  }

 private:
  void read(FileKind kind) {
    check_.report.format = kind.format;
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
        check_.report = read_json_copy(text_of_file(files_, request_.file, progress_), kind.base64,
                                       request_.key, [](const std::string&, Record&&) {});
        // JSON cannot tell that a letter is another one.
        if (!is_as_exported(files_, request_.file)) check_.report.add_damage(kNotAsExported);
    }
  }

  void read_databases(FileKind kind) {
    HeldDatabases held = find_databases(files_, request_.file, kind, scratch_, progress_);
    for (std::string& damage : held.damages) check_.report.add_damage(std::move(damage));
    if (held.databases.empty() && check_.report.is_intact()) {
      check_.report.add_damage("there is no database in it");
    }
    for (const HeldDatabase& one : held.databases) {
      check_.databases.push_back(check_database(one));
    }
    check_.others = std::move(held.others);
  }

  CheckedDatabase check_database(const HeldDatabase& one) {
    progress_.stage(fmt::format("Checking {}", one.name), 0);
    CheckedDatabase checked{.name = one.name,
                            .database = one.database,
                            .bytes = files_.status(one.path)->size,
                            .problems = {},
                            .tables = {}};
    if (sqlite::journal_has_content(one.path)) {
      checked.problems = {"a rollback journal lies beside it, which is not played back"};
    } else {
      sqlite::Examination found = sqlite::examine(one.path, kCheckPatience);
      checked.problems = std::move(found.problems);
      checked.tables = std::move(found.tables);
      if (checked.problems.empty()) {
        checked.problems = std::move(found.loose_references);
        return checked;
      }
    }
    try {
      checked.tables = what_can_be_read(one.path);
    } catch (const Error& error) {
      if (!is_of_the_copy(error.code())) throw;
      checked.problems.push_back(fmt::format("nothing of it can be read: {}", error.happened()));
    }
    return checked;
  }

  std::vector<sqlite::TableRows> what_can_be_read(const env::Path& path) {
    const env::Path saved = scratch_.file(fmt::format("saved-{}.db", saved_++).c_str());
    files_.create(saved);
    const sqlite::SalvageReport report =
        sqlite::salvage(sqlite::open_damaged_image(path), saved, {}, progress_);
    std::vector<sqlite::TableRows> tables;
    for (const sqlite::SalvagedTable& table : report.tables) {
      tables.push_back({.name = table.name, .rows = table.rows});
    }
    if (report.lost_rows > 0) {
      tables.push_back({.name = report.lost_and_found, .rows = report.lost_rows});
    }
    return tables;
  }

  // Perhaps a database whose beginning is lost.
  void read_unknown() {
    const std::uint64_t size = files_.status(request_.file)->size;
    check_.report.add_damage(size == 0 ? "it is empty"
                                       : "it is none of the formats that are known");
    if (size < kSmallestDatabase) return;
    CheckedDatabase checked{.name = request_.file.filename().string(),
                            .database = {},
                            .bytes = size,
                            .problems = {"it does not begin like a database"},
                            .tables = {}};
    try {
      checked.tables = what_can_be_read(request_.file);
    } catch (const Error& error) {
      if (!is_of_the_copy(error.code())) throw;
      return;
    }
    check_.report.format = FileFormat::kSqlite;
    check_.databases.push_back(std::move(checked));
  }

  env::FileSystem& files_;
  const FileCheckRequest& request_;
  Progress& progress_;
  ScratchDirectory scratch_;
  int saved_ = 0;
  FileCheck check_;
};

}  // namespace

std::uint64_t CheckedDatabase::rows() const {
  std::uint64_t all = 0;
  for (const sqlite::TableRows& table : tables) all += table.rows;
  return all;
}

bool FileCheck::is_sound() const {
  return report.is_intact() && std::ranges::all_of(databases, [](const CheckedDatabase& one) {
           return one.problems.empty();
         });
}

FileCheck check_file(env::FileSystem& files, const FileCheckRequest& request, Progress& progress) {
  return CheckOfFile(files, request, progress).run();
}

}  // namespace holdfast::engine
