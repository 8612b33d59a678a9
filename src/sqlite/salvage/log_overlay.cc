#include "sqlite/salvage/log_overlay.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {

LogOverlay::LogOverlay(const std::filesystem::path& log)
    : log_(::open(log.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (log_ >= 0) gather();
}

LogOverlay& LogOverlay::operator=(LogOverlay&& other) noexcept {
  std::swap(log_, other.log_);
  std::swap(page_size_, other.page_size_);
  std::swap(page_count_, other.page_count_);
  std::swap(highest_page_, other.highest_page_);
  std::swap(frames_, other.frames_);
  std::swap(newest_, other.newest_);
  return *this;
}

LogOverlay::~LogOverlay() {
  // SQLite holds no locks on the log.
  if (log_ >= 0) ::close(log_);
}

void LogOverlay::gather() {
  struct stat status{};
  std::array<std::byte, kLogHeaderSize> bytes{};
  if (::fstat(log_, &status) != 0 || !S_ISREG(status.st_mode)) return;
  if (read_some(log_, 0, bytes) != bytes.size()) return;
  const auto header = LogHeader::parse(bytes);
  if (!header) return;
  const LogPlace start{.salts = header->salts,
                       .frame = 0,
                       .checksum = header->checksum,
                       .big_endian_checksums = header->big_endian_checksums};
  FrameReader reader(log_, header->page_size, start, std::numeric_limits<std::uint32_t>::max());
  std::vector<PageNumber> unfinished;
  while (const auto frame = reader.next()) {
    unfinished.push_back(frame->page);
    if (frame->commit == 0) continue;
    for (std::size_t i = 0; i < unfinished.size(); ++i) {
      newest_[unfinished[i]] = static_cast<std::uint32_t>(frames_ + i);
      highest_page_ = std::max(highest_page_, unfinished[i]);
    }
    frames_ += unfinished.size();
    unfinished.clear();
    page_size_ = header->page_size;
    page_count_ = frame->commit;
  }
}

bool LogOverlay::read(PageNumber page, MutableByteView out) const {
  const auto found = newest_.find(page);
  if (found == newest_.end()) return false;
  const std::uint64_t frame = kFrameHeaderSize + std::uint64_t{page_size_};
  const std::uint64_t offset = kLogHeaderSize + found->second * frame + kFrameHeaderSize;
  return read_some(log_, offset, out.first(std::min<std::size_t>(out.size(), page_size_))) ==
         std::min<std::size_t>(out.size(), page_size_);
}

}  // namespace holdfast::sqlite
