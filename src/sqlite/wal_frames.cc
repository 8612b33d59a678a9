#include "sqlite/wal_frames.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

namespace holdfast::sqlite {
namespace {

constexpr std::uint32_t kMagic = 0x377f0682;  // with its lowest bit set: big-endian checksums
constexpr std::uint32_t kVersion = 3007000;
constexpr std::size_t kMostAhead = 256u << 10;

// Two 32-bit words as they stand in the file, in the order in which the wal-index has them too.
std::uint64_t salts_at(const std::byte* at) {
  return std::uint64_t{load<std::uint32_t>(at)} << 32 | load<std::uint32_t>(at + 4);
}

LogChecksum checksum_at(const std::byte* at) { return {load_be32(at), load_be32(at + 4)}; }

}  // namespace

void LogChecksum::add(ByteView bytes, bool big_endian) {
  std::uint32_t one = first, two = second;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const auto left = load<std::uint32_t>(bytes.data() + i);
    const auto right = load<std::uint32_t>(bytes.data() + i + 4);
    one += (big_endian ? __builtin_bswap32(left) : left) + two;
    two += (big_endian ? __builtin_bswap32(right) : right) + one;
  }
  first = one;
  second = two;
}

std::optional<LogHeader> LogHeader::parse(ByteView bytes) {
  const std::byte* at = bytes.data();
  const std::uint32_t magic = load_be32(at);
  if ((magic & ~1u) != kMagic || load_be32(at + 4) != kVersion) return std::nullopt;
  LogHeader header{.page_size = load_be32(at + 8),
                   .salts = salts_at(at + 16),
                   .checksum = {},
                   .big_endian_checksums = (magic & 1) != 0};
  header.checksum.add(bytes.first(24), header.big_endian_checksums);
  if (header.checksum != checksum_at(at + 24)) return std::nullopt;
  if (header.page_size < 512 || header.page_size > 65536 ||
      !std::has_single_bit(header.page_size)) {
    return std::nullopt;
  }
  return header;
}

LogPlace end_of(const WalIndexHeader& header) {
  return {.salts = header.salts(),
          .frame = header.last_frame(),
          .checksum = LogChecksum::of(header.frame_checksum()),
          .big_endian_checksums = header.big_endian_checksums()};
}

std::optional<LogPlace> beginning_of_log(int log, std::uint64_t salts) {
  std::array<std::byte, kLogHeaderSize> bytes{};
  if (read_some(log, 0, bytes) != bytes.size()) return std::nullopt;
  const auto header = LogHeader::parse(bytes);
  if (!header || header->salts != salts) return std::nullopt;
  return LogPlace{.salts = salts,
                  .frame = 0,
                  .checksum = header->checksum,
                  .big_endian_checksums = header->big_endian_checksums};
}

std::size_t read_some(int descriptor, std::uint64_t offset, MutableByteView out) noexcept {
  std::size_t done = 0;
  while (done < out.size()) {
    const auto got = ::pread(descriptor, out.data() + done, out.size() - done,
                             static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

FrameReader::FrameReader(int log, std::uint32_t page_size, const LogPlace& place,
                         std::uint32_t last)
    : log_(log), frame_size_(kFrameHeaderSize + page_size), place_(place), last_(last) {}

ByteView FrameReader::bytes_of_next() {
  if (ahead_.size() < frame_size_) {
    // One frame, then more at a time: behind the last generation there is mostly nothing to read.
    const std::size_t frames = std::min<std::size_t>(run_, last_ - place_.frame);
    const MutableByteView into = buffer_.first(frames * frame_size_);
    ahead_ = into.first(
        read_some(log_, kLogHeaderSize + std::uint64_t{place_.frame} * frame_size_, into));
    run_ = std::clamp<std::size_t>(kMostAhead / frame_size_, 1, run_ * 8);
  }
  return ahead_.first(std::min(ahead_.size(), frame_size_));
}

std::optional<Frame> FrameReader::next() {
  if (place_.frame >= last_) return std::nullopt;
  const ByteView bytes = bytes_of_next();
  if (bytes.size() < frame_size_ || salts_at(bytes.data() + 8) != place_.salts) return std::nullopt;
  LogChecksum checksum = place_.checksum;
  checksum.add(bytes.first(8), place_.big_endian_checksums);
  checksum.add(bytes.subspan(kFrameHeaderSize), place_.big_endian_checksums);
  Frame frame{.page = load_be32(bytes.data()),
              .commit = load_be32(bytes.data() + 4),
              .content = bytes.subspan(kFrameHeaderSize)};
  if (checksum != checksum_at(bytes.data() + 16) || frame.page == 0) return std::nullopt;
  place_.checksum = checksum;
  ++place_.frame;
  ahead_ = ahead_.subspan(frame_size_);
  frame.repeated = note_commit(frame);
  return frame;
}

bool FrameReader::note_commit(const Frame& frame) {
  const bool repeated = frame.commit != 0 && frame.commit == commit_before_ &&
                        frame.page == page_before_ && std::ranges::equal(frame.content, committed_);
  page_before_ = frame.page;
  commit_before_ = frame.commit;
  if (frame.commit != 0 && !repeated) {
    committed_.assign(frame.content.begin(), frame.content.end());
  }
  return repeated;
}

}  // namespace holdfast::sqlite
