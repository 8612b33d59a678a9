#include "sqlite/salvage/row_reader.h"

#include <algorithm>
#include <limits>

namespace holdfast::sqlite {
namespace {

// Of a page by chains that broke off further on; kOwned once it is in a whole one.
constexpr std::uint8_t kMostVisits = 4, kOwned = std::numeric_limits<std::uint8_t>::max();

}  // namespace

RowReader::RowReader(const DamagedImage& image, const PageCensus& census)
    : image_(image),
      census_(census),
      visits_(image.page_count() + std::size_t{1}),
      page_(image.layout().page_size),
      overflow_(image.layout().page_size) {}

PageRows RowReader::read(PageNumber page, const std::function<void(const StoredRow&)>& take) {
  return rows_of(page, true, take);
}

PageRows RowReader::look(PageNumber page, const std::function<void(const StoredRow&)>& take) {
  return rows_of(page, false, take);
}

PageRows RowReader::rows_of(PageNumber number, bool follow,
                            const std::function<void(const StoredRow&)>& take) {
  image_.read(number, page_);
  const DamagedPage page(number, page_, image_.layout().usable());
  PageRows rows;
  StoredRow row;
  row.page = number;
  // Cells do not overlap. What says otherwise would multiply one row into thousands.
  std::size_t room = page_.size();
  for (std::size_t i = 0; i < page.cells(); ++i) {
    const auto cell = page.cell(i);
    if (!cell || cell->bytes > room || !read_payload(*cell, follow, row)) {
      ++rows.damaged;
      continue;
    }
    room -= cell->bytes;
    row.rowid = cell->has_key ? std::optional(cell->key) : std::nullopt;
    ++rows.taken;
    take(row);
  }
  return rows;
}

bool RowReader::read_payload(const BtreeCell& cell, bool follow, StoredRow& row) {
  row.size = cell.size;
  row.payload = cell.local;
  if (cell.local.size() == cell.size) return decode_record(row.payload, row.size, row.values);
  // Noise is mostly told by its header alone, before it makes us read other pages.
  ByteView rest = cell.local;
  const auto header = take_varint(rest);
  if (!header || *header > cell.size) return false;
  const bool decoded = decode_record(cell.local, cell.size, row.values);
  if (!follow || (!decoded && *header <= cell.local.size())) return decoded;
  payload_.assign(cell.local.begin(), cell.local.end());
  const bool whole = follow_chain(cell.overflow, cell.size);
  row.payload = payload_;
  if (!decode_record(row.payload, row.size, row.values)) return false;
  if (!whole || !ends_in_lost_page(row)) return true;
  row.payload = row.payload.first(before_last_);
  return decode_record(row.payload, row.size, row.values);
}

bool RowReader::ends_in_lost_page(const StoredRow& row) const {
  if (std::ranges::any_of(overflow_, [](std::byte byte) { return byte != std::byte{0}; })) {
    return false;
  }
  std::size_t start = payload_.size();
  for (auto value = row.values.rbegin(); value != row.values.rend(); ++value) {
    start -= value->width;
    if (value->width != 0 && value->kind != StoredValue::Kind::kBlob) return true;
    if (start <= before_last_) return false;
  }
  return true;
}

bool RowReader::follow_chain(PageNumber page, std::uint64_t size) {
  const std::size_t most = image_.layout().usable() - 4;
  chain_.clear();
  std::size_t whole = payload_.size();  // up to the last page that led on to another
  while (payload_.size() < size) {
    if (!image_.has_content(page) || census_.is_claimed(page) || visits_[page] >= kMostVisits) {
      break;
    }
    ++visits_[page];
    chain_.push_back(page);
    image_.read(page, overflow_);
    before_last_ = payload_.size();
    const std::size_t wanted = std::min<std::uint64_t>(size - payload_.size(), most);
    payload_.insert(payload_.end(), overflow_.begin() + 4,
                    overflow_.begin() + 4 + static_cast<std::ptrdiff_t>(wanted));
    page = load_be32(overflow_.data());
    if (payload_.size() == size ? page == 0 : image_.has_content(page)) whole = payload_.size();
  }
  // A page with a wrong link was overwritten, and so was its content.
  payload_.resize(whole);
  if (whole < size) return false;
  for (const PageNumber owned : chain_) visits_[owned] = kOwned;
  return true;
}

}  // namespace holdfast::sqlite
