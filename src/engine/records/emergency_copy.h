// The last place for a record: a file of its own, which the founding teams' tools can read too.
#ifndef HOLDFAST_ENGINE_RECORDS_EMERGENCY_COPY_H_
#define HOLDFAST_ENGINE_RECORDS_EMERGENCY_COPY_H_

#include <span>
#include <string>
#include <vector>

#include "engine/records/collection.h"
#include "engine/records/write.h"
#include "env/file_system.h"

namespace holdfast::engine {

// The id that a record has as far as can be told without its table.
std::string presumed_id(const Write& write, const Collection& collection);

// Writes EMERGENCY_SAVE_<YYYYMMDD_HHMMSS>.json.b64 below `directory`: base64, in one line, of a
// JSON object of the records by id. Never replaces a file: where the name is taken, the time of the
// next free second is. Puts of one collection; several of one record go into several files, so that
// no version is lost. Durable when it returns. Answers the file of each write. Throws kDiskFull,
// kIo …
std::vector<env::Path> write_emergency_copies(env::FileSystem& files, const env::Path& directory,
                                              std::span<const Write> writes,
                                              const Collection& collection, Time now);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_EMERGENCY_COPY_H_
