// How a damaged file is divided into pages: from its header, or where that is lost from the pages.
#ifndef HOLDFAST_SQLITE_SALVAGE_IMAGE_LAYOUT_H_
#define HOLDFAST_SQLITE_SALVAGE_IMAGE_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/bytes.h"
#include "sqlite/record.h"

namespace holdfast::sqlite {

// Fills `out` from `offset`; answers how many bytes there were.
using ReadBytes = std::function<std::size_t(std::uint64_t offset, MutableByteView out)>;

struct ImageLayout {
  std::uint32_t page_size = 0;  // 0: no page of a database was found
  std::uint32_t reserved = 0;   // bytes at the end of each page
  TextEncoding encoding = TextEncoding::kUtf8;
  bool from_header = false;  // otherwise what follows is not known
  bool auto_vacuum = false, incremental_vacuum = false;
  std::uint32_t first_freelist_trunk = 0, freelist_pages = 0;
  std::uint32_t user_version = 0, application_id = 0;

  std::uint32_t usable() const { return page_size - reserved; }
};

std::string_view encoding_name(TextEncoding encoding);  // as the pragma says it: "UTF-16le"

// Empty (page_size 0) where the bytes are no header that can be believed.
ImageLayout layout_from_header(ByteView header);

// From a sample of pages all over the file: of each page size, the share of the sample that then is
// intact pages of tables and indexes. `page_size` is what is known of it, or 0. The encoding is the
// one in which most texts make sense.
ImageLayout layout_from_pages(const ReadBytes& file, std::uint64_t size, std::uint32_t page_size);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_IMAGE_LAYOUT_H_
