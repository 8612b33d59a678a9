// The VFS through which SQLite reads the pages of a PageReader.
#ifndef HOLDFAST_SQLITE_PAGE_VFS_H_
#define HOLDFAST_SQLITE_PAGE_VFS_H_

#include <string>

#include "sqlite/page_reader.h"

namespace holdfast::sqlite {

inline constexpr char kPageVfs[] = "holdfast-pages";

// The name under which the VFS finds the reader, for as long as this lives. Registers the VFS.
class PageVfsName {
 public:
  explicit PageVfsName(PageReader& reader);
  ~PageVfsName();
  PageVfsName(const PageVfsName&) = delete;
  PageVfsName& operator=(const PageVfsName&) = delete;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_PAGE_VFS_H_
