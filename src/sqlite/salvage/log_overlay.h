// What a write-ahead log beside a damaged database holds of its last commits.
#ifndef HOLDFAST_SQLITE_SALVAGE_LOG_OVERLAY_H_
#define HOLDFAST_SQLITE_SALVAGE_LOG_OVERLAY_H_

#include <cstdint>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

// Frames count as long as each one's checksum goes on from the one before; those behind the last
// commit are left out. Reads the log only, without a lock. By one thread at a time.
class LogOverlay {
 public:
  LogOverlay() = default;  // nothing
  explicit LogOverlay(const std::filesystem::path& log);
  LogOverlay(LogOverlay&& other) noexcept { *this = std::move(other); }
  LogOverlay& operator=(LogOverlay&& other) noexcept;
  ~LogOverlay();

  // 0 without a commit that could be read.
  std::uint32_t page_size() const { return page_size_; }
  PageNumber page_count() const { return page_count_; }  // of the database, after the last commit
  PageNumber highest_page() const { return highest_page_; }  // that the log holds
  std::uint64_t frames() const { return frames_; }           // that belong to commits
  // False where the log does not hold the page.
  bool read(PageNumber page, MutableByteView out) const;

 private:
  void gather();

  int log_ = -1;
  std::uint32_t page_size_ = 0;
  PageNumber page_count_ = 0, highest_page_ = 0;
  std::uint64_t frames_ = 0;
  std::unordered_map<PageNumber, std::uint32_t> newest_;  // frame of each page, from 0
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_LOG_OVERLAY_H_
