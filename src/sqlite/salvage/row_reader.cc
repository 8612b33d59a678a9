#include "sqlite/salvage/row_reader.h"

#include <algorithm>

namespace holdfast::sqlite {
namespace {

constexpr std::uint8_t kMostVisits = PageCensus::kMostOwners;

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
  room_ = page_.size();
  doubtful_.clear();
  most_values_ = 0;
  for (std::size_t i = 0; i < page.cells(); ++i) {
    const auto cell = page.cell(i);
    if (!cell || cell->bytes > room_ || !read_payload(*cell, follow, row)) {
      ++rows.damaged;
      if (cell && cell->overflow == 0) doubtful_.push_back(i);
      continue;
    }
    room_ -= cell->bytes;
    if (row.is_whole()) {
      least_values_ =
          most_values_ == 0 ? row.values.size() : std::min(least_values_, row.values.size());
      most_values_ = std::max(most_values_, row.values.size());
    }
    row.rowid = cell->has_key ? std::optional(cell->key) : std::nullopt;
    ++rows.taken;
    take(row);
  }
  if (follow && most_values_ != 0) take_doubtful(number, page, rows, take);
  return rows;
}

void RowReader::take_doubtful(PageNumber number, const DamagedPage& page, PageRows& rows,
                              const std::function<void(const StoredRow&)>& take) {
  StoredRow row;
  row.page = number;
  row.adds_up = false;
  for (const std::size_t i : doubtful_) {
    const auto cell = page.cell(i);
    if (!cell || cell->bytes > room_ ||
        sum_up_record(cell->local, cell->size, row.values) != RecordSum::kTooSmall ||
        row.values.size() < least_values_ || row.values.size() > most_values_) {
      continue;
    }
    room_ -= cell->bytes;
    row.payload = cell->local;
    row.size = cell->size;
    row.rowid = cell->has_key ? std::optional(cell->key) : std::nullopt;
    --rows.damaged;
    ++rows.taken;
    take(row);
  }
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
  std::size_t whole = payload_.size();  // up to the last page that led on to another
  while (payload_.size() < size) {
    if (!image_.has_content(page) || census_.is_claimed(page) || visits_[page] >= kMostVisits) {
      break;
    }
    ++visits_[page];
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
  return whole == size;
}

}  // namespace holdfast::sqlite
