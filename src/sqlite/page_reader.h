// A database whose pages are in no file, for SQL that only reads.
#ifndef HOLDFAST_SQLITE_PAGE_READER_H_
#define HOLDFAST_SQLITE_PAGE_READER_H_

#include <memory>

#include "sqlite/page_source.h"

namespace holdfast::sqlite {

// Thread safe. What it gives back never changes.
class PageReader {
 public:
  virtual ~PageReader() = default;
  virtual Geometry geometry() const = 0;
  // As PageSource::read().
  virtual void read(PageNumber first, MutableByteView out) = 0;
};

// A source that SQLite reads through a VFS of ours, page by page as it needs them; `reader` must
// outlive it. What the reader throws while SQLite reads comes out as kIo. Throws
// kDatabaseDamaged for what SQLite does not open as a database.
std::unique_ptr<PageSource> open_page_reader(PageReader& reader);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_PAGE_READER_H_
