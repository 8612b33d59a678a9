// The wal-index: shared memory in which SQLite keeps the state of a write-ahead log
// (https://sqlite.org/walformat.html, section 2).
#ifndef HOLDFAST_SQLITE_WAL_INDEX_H_
#define HOLDFAST_SQLITE_WAL_INDEX_H_

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "sqlite/database_file.h"

namespace holdfast::sqlite {

// Both copies of the header, as they stand in the wal-index.
inline constexpr std::size_t kIndexHeadersSize = 2 * 48;

struct WalIndexHeader {
  std::array<std::uint32_t, 12>
      words{};  // in the byte order of the machine, as they stand in memory
  bool operator==(const WalIndexHeader&) const = default;

  // From kIndexHeadersSize bytes. Empty where they are just being written, or mean nothing.
  static std::optional<WalIndexHeader> parse(ByteView headers);

  std::uint32_t changes() const { return words[2]; }  // iChange: one more with each commit
  bool big_endian_checksums() const { return (words[3] >> 8 & 0xff) != 0; }
  std::uint32_t page_size() const;  // 0 while the log has never been written
  std::uint32_t last_frame() const { return words[4]; }
  std::uint32_t page_count() const { return words[5]; }
  std::uint64_t frame_checksum() const { return std::uint64_t{words[6]} << 32 | words[7]; }
  // Another pair with every generation of the log.
  std::uint64_t salts() const { return std::uint64_t{words[8]} << 32 | words[9]; }
};

class WalIndex {
 public:
  // `database` must have its log open, and outlive this.
  explicit WalIndex(DatabaseFile database) : database_(database) {}

  // Empty where the index is not shared with us, or is just being written.
  std::optional<WalIndexHeader> header() const;
  // How many frames are in the database file already.
  std::uint32_t backfilled() const;
  // How many a checkpoint set out to bring there: it says so before it writes the first of them.
  std::uint32_t attempted() const;

  // Calls visit(frame, page number) for the frames first … last, as the index has them at this
  // moment.
  template <typename Visit>
  void for_each_frame(std::uint32_t first, std::uint32_t last, Visit visit) const {
    for (std::uint32_t frame = first; frame <= last && frame >= first;) {
      const std::uint32_t slot = frame - 1 + kHeaderWords;
      const volatile std::uint32_t* pages = region(slot / kFramesPerRegion);
      for (std::uint32_t i = slot % kFramesPerRegion; i < kFramesPerRegion && frame <= last; ++i) {
        visit(frame++, pages[i]);
      }
    }
  }

 private:
  static constexpr std::uint32_t kFramesPerRegion = 4096;
  static constexpr std::uint32_t kHeaderWords = 34;  // take the place of frames in the first region

  const volatile std::uint32_t* region(std::uint32_t number) const;

  DatabaseFile database_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_WAL_INDEX_H_
