// What Holdfast knows about a file that it has exported: beside it, as <file>.manifest.json.
#ifndef HOLDFAST_ENGINE_EXPORTS_EXPORT_MANIFEST_H_
#define HOLDFAST_ENGINE_EXPORTS_EXPORT_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct FileContent {
  std::uint64_t size = 0;
  std::string hash;  // see file_digest.h
  bool operator==(const FileContent&) const = default;
};

// It is written before the file is put in place: so the file is either `content` or `before`, or
// somebody else has written it.
struct ExportManifest {
  std::string database, collection, format;
  bool base64 = false;
  std::uint64_t records = 0;
  Time exported{};
  FileContent content;
  std::optional<FileContent> before;
  // Of the file with `content`: while they are the same, nobody needs to read it to know.
  std::uint64_t identity = 0;
  Time modified{};
};

env::Path manifest_path(const env::Path& file);
// Empty if there is none, or none that can be read: the file is then looked at as a stranger's.
std::optional<ExportManifest> read_manifest(env::FileSystem& files, const env::Path& file);
// Atomically; durable. With the same mode as the file has.
void write_manifest(env::FileSystem& files, const env::Path& file, const ExportManifest& manifest,
                    unsigned mode);

inline constexpr const char* kNotAsExported =
    "it is not what was exported: somebody has changed or damaged it";
// Whether the file, which is read for it, is what was exported last or before that; true of one
// that was never exported.
bool is_as_exported(env::FileSystem& files, const env::Path& file);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_EXPORT_MANIFEST_H_
