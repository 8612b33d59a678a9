// What Holdfast knows about the files of records that it has exported to a folder: in the folder,
// as .holdfast-export.
//
// A line is "holdfast_files 1", then one a file, fields parted by tabs: "+", "*" or "-" (it is
// there, may not be there yet, or is to go), its name, size, digest, identity and time of change
// (microseconds since 1970), and size and digest of what the export before left there, or "-". The
// last line is a digest of all before it: a listing that is cut or damaged is none.
#ifndef HOLDFAST_ENGINE_EXPORTS_FOLDER_LISTING_H_
#define HOLDFAST_ENGINE_EXPORTS_FOLDER_LISTING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct RecordFile {
  struct Content {
    std::uint64_t size = 0;
    std::string digest;  // text_digest()
    bool operator==(const Content&) const = default;
  };
  bool wanted = true;  // false: its record was removed
  bool fresh = false;  // nothing of ours was there before, so that it may not be there yet
  Content content;
  // Of the file with `content`, as in ExportManifest.
  std::uint64_t identity = 0;
  Time modified{};
  std::optional<Content> before;
};
using FolderListing = std::map<std::string, RecordFile, std::less<>>;  // by name

env::Path listing_path(const env::Path& folder);
// Empty if there is none that can be read.
FolderListing read_listing(env::FileSystem& files, const env::Path& folder);
// Atomically; durable.
void write_listing(env::FileSystem& files, const env::Path& folder, const FolderListing& listing,
                   unsigned mode);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_FOLDER_LISTING_H_
