// The frames of a write-ahead log, read one after the other and each proved to go on from the one
// before (https://sqlite.org/fileformat2.html, section 4).
#ifndef HOLDFAST_SQLITE_WAL_FRAMES_H_
#define HOLDFAST_SQLITE_WAL_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/buffer.h"
#include "base/bytes.h"
#include "sqlite/page_source.h"
#include "sqlite/wal_index.h"

namespace holdfast::sqlite {

inline constexpr std::size_t kLogHeaderSize = 32, kFrameHeaderSize = 24;

// Runs through a whole generation of the log: each frame's checksum covers all frames before it.
struct LogChecksum {
  std::uint32_t first = 0, second = 0;
  bool operator==(const LogChecksum&) const = default;

  static LogChecksum of(std::uint64_t packed) {
    return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
  }
  // A multiple of eight bytes. Every log says which byte order its words are summed in.
  void add(ByteView bytes, bool big_endian);
};

struct LogHeader {
  std::uint32_t page_size = 0;
  std::uint64_t salts = 0;  // as in WalIndexHeader
  LogChecksum checksum;
  bool big_endian_checksums = false;

  // From kLogHeaderSize bytes; empty unless it is the header of a log, with a right checksum.
  static std::optional<LogHeader> parse(ByteView bytes);
};

// Fewer bytes than asked for only at the end of the file, or where reading fails.
std::size_t read_some(int descriptor, std::uint64_t offset, MutableByteView out) noexcept;

// A place in a generation of the log: right behind `frame`.
struct LogPlace {
  std::uint64_t salts = 0;
  std::uint32_t frame = 0;
  LogChecksum checksum;
  bool big_endian_checksums = false;
};

LogPlace end_of(const WalIndexHeader& header);
// Of the generation with these salts; empty where the log does not begin with it.
std::optional<LogPlace> beginning_of_log(int log, std::uint64_t salts);

struct Frame {
  PageNumber page = 0;
  PageNumber commit = 0;  // pages of the database after this commit; 0 within a transaction
  // The commit's frame before, once more: SQLite fills up a disk's sector so where a power loss may
  // damage what is beside the bytes written (psow=0). Or a commit that wrote the same again.
  bool repeated = false;
  ByteView content;  // valid until the next frame is read
};

// Borrows the descriptor. By one thread at a time.
class FrameReader {
 public:
  // Reads no further than frame `last`, and not much further ahead than is asked for.
  FrameReader(int log, std::uint32_t page_size, const LogPlace& place, std::uint32_t last);

  // Empty behind the last frame, and where what stands in the file does not go on from the frame
  // before: the end of the generation as far as it can be read.
  std::optional<Frame> next();
  // Behind the frame that was read last.
  const LogPlace& place() const { return place_; }

 private:
  ByteView bytes_of_next();
  bool note_commit(const Frame& frame);

  int log_;
  std::size_t frame_size_;
  LogPlace place_;
  std::uint32_t last_;
  Buffer buffer_;
  ByteView ahead_;                                  // what was read and not yet asked for
  PageNumber page_before_ = 0, commit_before_ = 0;  // of the frame before
  Bytes committed_;                                 // its content, if it was a commit
  std::size_t run_ = 1;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_WAL_FRAMES_H_
