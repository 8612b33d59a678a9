#include "sqlite/raw_source.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "sqlite/file_header.h"

namespace holdfast::sqlite {
namespace {

constexpr std::uint32_t kSmallestPage = 512, kUsualPage = 4096;

// The size that the header says, or the usual one, halved until the file is a whole number of
// pages. Where nothing fits, the end of the file is cut off.
Geometry plausible_geometry(std::uint64_t file_size, const FileHeader& header) {
  const bool known = header.has_magic && header.page_size != 0;
  const std::uint32_t wanted = known ? header.page_size : kUsualPage;
  std::uint32_t page_size = wanted;
  while (page_size > kSmallestPage && file_size % page_size != 0) page_size /= 2;
  if (file_size % page_size != 0 && file_size >= wanted) page_size = wanted;
  return {.page_size = page_size, .page_count = static_cast<PageNumber>(file_size / page_size)};
}

}  // namespace

bool RawSource::is_plausible(std::uint64_t size, bool has_magic) {
  if (has_magic) return size >= kSmallestPage;
  return size >= 1024 && size % kSmallestPage == 0;
}

RawSource::RawSource(Connection connection, std::string damage)
    : connection_(std::move(connection)), damage_(std::move(damage)) {
  const auto log = FileStamp::of(wal_path(connection_.resolved_path()));
  if (log && log->size > 0) {
    damage_ += fmt::format(" (its write-ahead log of {} bytes cannot be read and is not included)",
                           log->size);
  }
}

Change RawSource::advance() {
  const FileStamp stamp = current_stamp();
  if (stamp_ == stamp) return {.kind = Change::Kind::kNothing, .pages = {}};
  std::array<std::byte, kFileHeaderSize> bytes{};
  connection_.file().read(0, bytes);
  geometry_ = plausible_geometry(stamp.size, FileHeader::parse(bytes));
  if (geometry_.page_count == 0) {
    throw Error(ErrorCode::kDatabaseChanged,
                fmt::format("{} was cut off", connection_.resolved_path().string()));
  }
  stamp_ = stamp;
  return {.kind = Change::Kind::kUnknown, .pages = {}};
}

bool RawSource::is_newest() { return stamp_ == current_stamp(); }

void RawSource::read(PageNumber first, MutableByteView out) {
  if (!connection_.file().read(std::uint64_t{first - 1} * geometry_.page_size, out)) {
    throw Error(ErrorCode::kDatabaseChanged, fmt::format("{} was cut off while it was read",
                                                         connection_.resolved_path().string()));
  }
}

FileStamp RawSource::current_stamp() const {
  const auto path = connection_.resolved_path();
  if (const auto stamp = FileStamp::of(path)) return *stamp;
  throw Error(ErrorCode::kDatabaseMissing, fmt::format("{} does not exist", path.string()));
}

}  // namespace holdfast::sqlite
