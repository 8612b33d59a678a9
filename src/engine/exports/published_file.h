// Putting a written export in its place, and knowing whose the file is that stands there.
#ifndef HOLDFAST_ENGINE_EXPORTS_PUBLISHED_FILE_H_
#define HOLDFAST_ENGINE_EXPORTS_PUBLISHED_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "engine/exports/export_manifest.h"
#include "env/file_system.h"

namespace holdfast::engine {

enum class FoundFile {
  kNone,
  kOurs,      // what the last export left, or the one before it
  kDeleted,   // there was one
  kChanged,   // changed or damaged since the last export
  kStranger,  // never exported by us
};
struct FoundTarget {
  FoundFile found = FoundFile::kNone;
  std::optional<FileContent> content;  // where there is a file, unless it cannot be read
  std::optional<ExportManifest> manifest;
};

// Throws kUnsupported for a symbolic link, a folder, a device: what is replaced must be a file of
// its own. `thorough`: reads the file even if its times say that nobody has touched it.
void check_place(env::FileSystem& files, const env::Path& target);
FoundTarget look_at_target(env::FileSystem& files, const env::Path& target, bool thorough);

struct Publication {
  bool unchanged = false;  // the file in place is the same; it was not touched
  env::Path kept;          // where a stranger's or changed file is now; empty: there was none
  FoundFile found = FoundFile::kNone;
  bool spared = false;          // what was replaced is kept under the name that was wanted
  std::uint64_t surprises = 0;  // files of a folder that were not as they were left
};

// `written` is a synced file in the folder of `target`, described by `manifest` (whose before,
// identity and modified are filled in here). Afterwards it is at `target`, durably. Stopped at any
// moment, the target is the file that was there or the new one, whole; only where a stranger's file
// is kept aside there is a moment between the two. `mode` is that of a target that is new. By one
// process at a time: see export_lock.h. The file that is replaced, if it is ours, gets the name
// `spare` unless that is empty; a file system without such names is no error.
Publication publish(env::FileSystem& files, const env::Path& written, const env::Path& target,
                    ExportManifest manifest, unsigned mode, const env::Path& spare = {});

// Names of files in work beside `target`, and the removal of those that a stopped export has left.
env::Path work_path(const env::Path& target);
void remove_leftovers(env::FileSystem& files, const env::Path& target);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_PUBLISHED_FILE_H_
