// The rows in the pages of a damaged database.
#ifndef HOLDFAST_SQLITE_SALVAGE_ROW_READER_H_
#define HOLDFAST_SQLITE_SALVAGE_ROW_READER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "sqlite/salvage/damaged_image.h"
#include "sqlite/salvage/damaged_page.h"
#include "sqlite/salvage/page_census.h"
#include "sqlite/salvage/stored_record.h"

namespace holdfast::sqlite {

struct StoredRow {
  PageNumber page = 0;
  std::optional<std::int64_t> rowid;
  std::vector<StoredValue> values;  // those that are there; they borrow from the reader
  ByteView payload;                 // the record
  std::uint64_t size = 0;           // of the whole record: more than `payload` if it is cut off
  bool adds_up = true;              // otherwise its size or its header was damaged
  bool is_whole() const { return payload.size() == size; }
};

struct PageRows {
  std::uint64_t taken = 0;    // rows, whole or cut off
  std::uint64_t damaged = 0;  // cells that cannot be read
};

// By one thread at a time. A chain of overflow pages is followed only through pages that are
// no tree's, and is believed only if it ends where the row does. No page is copied more than a few
// times, whatever the chains say. A page of zeros would look like a good end
// of any chain; it is one only to a blob.
class RowReader {
 public:
  // Both must outlive this.
  RowReader(const DamagedImage& image, const PageCensus& census);

  // Calls `take` for each row in the page, in its order. A row is valid during the call. Rows that
  // do not add up come last, and only those that have as many values as one that does.
  PageRows read(PageNumber page, const std::function<void(const StoredRow&)>& take);
  // The same with nothing read but this page: rows that go on elsewhere are cut off.
  PageRows look(PageNumber page, const std::function<void(const StoredRow&)>& take);

 private:
  PageRows rows_of(PageNumber page, bool follow, const std::function<void(const StoredRow&)>& take);
  void take_doubtful(PageNumber number, const DamagedPage& page, PageRows& rows,
                     const std::function<void(const StoredRow&)>& take);
  bool read_payload(const BtreeCell& cell, bool follow, StoredRow& row);
  // Appends to payload_; whether the chain was whole.
  bool follow_chain(PageNumber first, std::uint64_t size);
  // The last page of the chain is all zeros, and no blob accounts for it.
  bool ends_in_lost_page(const StoredRow& row) const;

  const DamagedImage& image_;
  const PageCensus& census_;
  std::vector<std::uint8_t> visits_;  // of each page, by chains
  Bytes page_, overflow_, payload_;
  std::size_t room_ = 0;                            // in the page, for cells
  std::vector<std::size_t> doubtful_;               // cells of the page
  std::size_t least_values_ = 0, most_values_ = 0;  // of rows of the page that are whole
  std::size_t before_last_ = 0;  // bytes of payload_ that are not in the last page of the chain
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_ROW_READER_H_
