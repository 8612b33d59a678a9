// The databases that a file holds, whole: a SQLite file itself, what a dump makes, the members of
// an archive.
#ifndef HOLDFAST_ENGINE_LEGACY_HELD_DATABASES_H_
#define HOLDFAST_ENGINE_LEGACY_HELD_DATABASES_H_

#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/legacy/file_format.h"
#include "engine/scratch_directory.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct HeldDatabase {
  std::string name;      // of its file, without folders
  std::string database;  // what the archive's metadata calls it; empty: it does not say
  env::Path path;        // where it can be read: the file itself, or below the scratch folder
};
struct HeldDatabases {
  std::vector<HeldDatabase> databases;
  std::vector<std::string> others;   // members of an archive that are no databases
  std::vector<std::string> damages;  // of what is around the databases
};

// `kind` is that of `file`; JSON holds none. The file is only read; what is unpacked or built is
// there as long as `scratch`. Nothing is said about the databases themselves. Throws kRecordInvalid
// for what is hostile (see archive_copy.h, sqlite/dump.h), kInterrupted, kDiskFull, kIo.
HeldDatabases find_databases(env::FileSystem& files, const env::Path& file, FileKind kind,
                             ScratchDirectory& scratch, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_HELD_DATABASES_H_
