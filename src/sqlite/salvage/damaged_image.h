// A damaged database file as pages, with what its log holds laid over them.
#ifndef HOLDFAST_SQLITE_SALVAGE_DAMAGED_IMAGE_H_
#define HOLDFAST_SQLITE_SALVAGE_DAMAGED_IMAGE_H_

#include <cstdint>
#include <filesystem>

#include "sqlite/page_source.h"
#include "sqlite/salvage/image_layout.h"
#include "sqlite/salvage/log_overlay.h"

namespace holdfast::sqlite {

// By one thread at a time. Reads only; takes no lock: what somebody writes meanwhile may be met
// half-written, like any damage.
class DamagedImage {
 public:
  // Throws kNotADatabase where not one page of a database is left.
  DamagedImage(ReadBytes file, std::uint64_t size, LogOverlay log);

  const ImageLayout& layout() const { return layout_; }
  PageNumber page_count() const { return page_count_; }
  const LogOverlay& log() const { return log_; }
  // Whether SQLite may keep content in this page: not the page of the file locks.
  bool has_content(PageNumber page) const;
  // One whole page; what lies beyond the end of the file, or cannot be read, is zero.
  void read(PageNumber page, MutableByteView out) const;

 private:
  ReadBytes file_;
  LogOverlay log_;
  ImageLayout layout_;
  PageNumber page_count_ = 0;
};

// The file at `path` and, where one lies beside it, its log. Throws kDatabaseMissing,
// kDatabaseEmpty, kNotADatabase, kPermissionDenied.
DamagedImage open_damaged_image(const std::filesystem::path& path);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_DAMAGED_IMAGE_H_
