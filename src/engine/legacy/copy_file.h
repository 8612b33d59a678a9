// Any file that may hold copies of a collection's records.
#ifndef HOLDFAST_ENGINE_LEGACY_COPY_FILE_H_
#define HOLDFAST_ENGINE_LEGACY_COPY_FILE_H_

#include <string>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "engine/legacy/record_visitor.h"
#include "engine/records/record_mapping.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct CopyRequest {
  env::Path file;
  const Collection* collection = nullptr;
  std::vector<std::string> key;  // columns of the present table; empty: not known
  env::Path scratch;             // a folder where there is room
};

// Reads the file, whatever it is (see FileFormat), record by record. It is only read, and what must
// be unpacked or rebuilt is in the scratch folder. What is damaged is reported, with everything
// that could still be read before: a damaged SQLite file is salvaged. A file that is none of the
// formats is reported as damaged too; a database without the collection's table is `unrelated`.
// Throws kInterrupted,
// kNotFound, kPermissionDenied, kDiskFull, kIo.
CopyReport read_copy_file(env::FileSystem& files, const CopyRequest& request,
                          const RecordVisitor& visit, Progress& progress);

// Whether an error of this code says what is wrong with a copy, and not with the machine.
bool is_of_the_copy(ErrorCode code);

// The fields that the key of a collection is in; `key` as in CopyRequest.
std::vector<FieldPath> key_fields(const Collection& collection,
                                  const std::vector<std::string>& key);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_COPY_FILE_H_
