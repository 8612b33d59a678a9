#include "sqlite/raw_source.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "sqlite/companion_files.h"
#include "sqlite/file_header.h"

namespace holdfast::sqlite {
namespace {

constexpr std::uint32_t kSmallestUnit = 512, kUsualPage = 4096;

// The size that the header says, or the usual one, halved until the file is a whole number of
// pages. Where nothing fits, the end of the file is cut off.
Geometry plausible_geometry(std::uint64_t file_size, const FileHeader& header) {
  const bool known = header.has_magic && header.page_size != 0;
  const std::uint32_t wanted = known ? header.page_size : kUsualPage;
  std::uint32_t page_size = wanted;
  while (page_size > kSmallestUnit && file_size % page_size != 0) page_size /= 2;
  if (file_size % page_size != 0 && file_size >= wanted) page_size = wanted;
  return {.page_size = page_size, .page_count = static_cast<PageNumber>(file_size / page_size)};
}

}  // namespace

bool RawSource::is_plausible(std::uint64_t size, bool has_magic) {
  if (has_magic) return size >= kSmallestUnit;
  return size >= 1024 && size % kSmallestUnit == 0;
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
  const auto path = connection_.resolved_path();
  const auto state = FileState::settled(path);
  if (!state) {
    throw Error(ErrorCode::kDatabaseMissing, fmt::format("{} does not exist", path.string()));
  }
  if (state_ == state) return {.kind = Change::Kind::kNothing, .pages = {}};
  std::array<std::byte, kFileHeaderSize> bytes{};
  connection_.file().read(0, bytes);
  geometry_ = plausible_geometry(state->size, FileHeader::parse(bytes));
  if (geometry_.page_count == 0) {
    throw Error(ErrorCode::kDatabaseChanged, fmt::format("{} was cut off", path.string()));
  }
  state_ = state;
  return {.kind = Change::Kind::kUnknown, .pages = {}};
}

bool RawSource::is_newest() {
  return state_ && state_ == FileState::of(connection_.resolved_path());
}

void RawSource::read(PageNumber first, MutableByteView out) {
  if (!connection_.file().read(std::uint64_t{first - 1} * geometry_.page_size, out)) {
    throw Error(ErrorCode::kDatabaseChanged, fmt::format("{} was cut off while it was read",
                                                         connection_.resolved_path().string()));
  }
}

}  // namespace holdfast::sqlite
