// What a file of records or databases holds, and whether all of it can be read. No repository is
// needed.
#ifndef HOLDFAST_ENGINE_VERIFY_FILE_CHECK_H_
#define HOLDFAST_ENGINE_VERIFY_FILE_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/legacy/record_visitor.h"
#include "engine/records/collection.h"
#include "env/file_system.h"
#include "sqlite/integrity.h"

namespace holdfast::engine {

struct CheckedDatabase {
  std::string name;                       // of its file
  std::string database;                   // what its archive calls it; empty: it does not say
  std::uint64_t bytes = 0;                // of the file, without a log beside it
  std::vector<std::string> problems;      // empty: it is sound
  std::vector<sqlite::TableRows> tables;  // of a damaged one what can still be read

  std::uint64_t rows() const;
};

struct FileCheck {
  CopyReport report;  // its format, the records of JSON, and what is wrong around the databases
  std::vector<CheckedDatabase> databases;
  std::vector<std::string> others;  // files of an archive that are no databases

  bool is_sound() const;
};

struct FileCheckRequest {
  env::Path file;
  std::vector<FieldPath> key;  // of the records, where it is known: see read_json_copy()
  env::Path scratch;           // a folder where there is room
};

// Reads all of the file, whatever it is (see FileFormat), and lets SQLite check the databases in
// it. The file is only read; what is unpacked or salvaged is in the scratch folder for a moment.
// Damage is a finding, never an exception. Throws kNotFound, kPermissionDenied, kInterrupted,
// kDiskFull, kIo.
FileCheck check_file(env::FileSystem& files, const FileCheckRequest& request, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_VERIFY_FILE_CHECK_H_
