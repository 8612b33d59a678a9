// How a database gets into its place: written beside it, proved, swapped in.
#ifndef HOLDFAST_ENGINE_RESTORE_SWAP_H_
#define HOLDFAST_ENGINE_RESTORE_SWAP_H_

#include <functional>

#include "base/progress.h"
#include "engine/restore/restore.h"
#include "env/file_system.h"
#include "repository/repository.h"

namespace holdfast::engine {

// Fills `file`, which is new, empty and found at `path` in the folder of the target, proves what it
// wrote and syncs it. Whatever it throws leaves the target as it was.
using WriteDatabase = std::function<void(env::File& file, const env::Path& path)>;

// Takes the safety snapshot, writes, and swaps in what was written, under a hold that keeps others
// from using the old database at that moment. `bytes` and `checksum` of the result are the
// caller's to fill in. Throws as restore() does.
RestoreResult swap_in(const repository::Repository& repository, env::FileSystem& files,
                      const RestoreRequest& request, const WriteDatabase& write,
                      Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RESTORE_SWAP_H_
