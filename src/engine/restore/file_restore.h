// A database put in place from a SQLite file that no repository knows.
#ifndef HOLDFAST_ENGINE_RESTORE_FILE_RESTORE_H_
#define HOLDFAST_ENGINE_RESTORE_FILE_RESTORE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/records/collection.h"
#include "engine/records/write.h"
#include "engine/restore/restore.h"

namespace holdfast::engine {

struct FileRestoreRequest {
  env::Path file;  // with its log, where one lies beside it; only read
  RestoreRequest restore;
  // What was deleted from the database by way of Holdfast, and stays so: acknowledged deletes.
  std::span<const Collection> collections;
  std::span<const Write> deleted;
  bool own_tables_beside = false;  // see sqlite/row_store.h
};

// As engine::restore(): one committed state of the file is copied beside the target, read back,
// proved equal and checked by SQLite (integrity_check), and only then swapped in, after a safety
// snapshot. `checksum` of the result is that of file_digest.h. Whatever fails before leaves the
// target as it was. Throws as restore(), and kVerificationFailed for a file that is damaged or has
// no schema, kHotJournal for one that a journal lies beside.
RestoreResult restore_file(const repository::Repository& repository, env::FileSystem& files,
                           const FileRestoreRequest& request, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RESTORE_FILE_RESTORE_H_
