// A file that is read as it stands, from its beginning.
#ifndef HOLDFAST_ENGINE_LEGACY_FILE_TEXT_H_
#define HOLDFAST_ENGINE_LEGACY_FILE_TEXT_H_

#include "base/progress.h"
#include "engine/legacy/file_format.h"
#include "engine/legacy/json_copy.h"
#include "env/file_system.h"

namespace holdfast::engine {

// Throws kNotFound, kPermissionDenied, kIo.
FileKind kind_of_file(env::FileSystem& files, const env::Path& path);
// Files and progress must outlive it.
TextSource text_of_file(env::FileSystem& files, env::Path path, Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_FILE_TEXT_H_
