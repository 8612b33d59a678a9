#include "engine/legacy/archive_writer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "base/error.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kOutPiece = std::size_t{1} << 18;
constexpr int kGzip = 15 + 16;  // the largest window, and a header of gzip
constexpr int kMemoryLevel = 8;
constexpr int kArchiveLevel = 4;  // takes a third of the time of zlib's own, 6, for 4 % more bytes
constexpr char kRegular = '0', kLongName = 'L';

// https://www.gnu.org/software/tar/manual/html_node/Standard.html
class TarHeader {
 public:
  void text(std::size_t at, std::string_view value) { std::ranges::copy(value, &block_[at]); }

  // As octal digits and a NUL; what they cannot hold as GNU has it, in binary behind a mark.
  void number(std::size_t at, std::size_t width, std::uint64_t value) {
    constexpr char kBinary = '\x80';
    const bool octal = value >> ((width - 1) * 3) == 0;
    for (std::size_t i = width - (octal ? 1 : 0); i-- > 0; value >>= octal ? 3 : 8) {
      block_[at + i] = static_cast<char>(octal ? '0' + (value & 7) : value & 0xFF);
    }
    if (!octal) block_[at] = kBinary;
  }

  ByteView finish() {
    constexpr std::size_t kSumAt = 148, kSumWidth = 7;
    text(kSumAt, "        ");
    std::uint64_t sum = 0;
    for (const char c : block_) sum += static_cast<unsigned char>(c);
    number(kSumAt, kSumWidth, sum);
    return std::as_bytes(std::span(block_));
  }

 private:
  std::array<char, kBlock> block_{};
};

}  // namespace

ArchiveWriter::ArchiveWriter(env::File& file) : file_(file), out_(kOutPiece) {
  if (deflateInit2(&stream_, kArchiveLevel, Z_DEFLATED, kGzip, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw Error(ErrorCode::kInternal, "zlib has no memory");
  }
}

ArchiveWriter::~ArchiveWriter() { deflateEnd(&stream_); }

void ArchiveWriter::begin(std::string_view name, std::uint64_t size, Time modified) {
  constexpr std::size_t kNameField = 100;
  constexpr std::string_view kEnd("\0", 1);
  expect_whole();
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(modified).time_since_epoch().count();
  if (name.size() > kNameField) {
    put_header("././@LongLink", kLongName, name.size() + 1, 0);
    deflate(as_bytes(name), Z_NO_FLUSH);
    deflate(as_bytes(kEnd), Z_NO_FLUSH);
    pad(name.size() + 1);
  }
  put_header(name.substr(0, kNameField), kRegular, size, std::max<std::int64_t>(seconds, 0));
  size_ = missing_ = size;
}

void ArchiveWriter::add(ByteView content) {
  if (content.size() > missing_) {
    throw Error(ErrorCode::kInternal, "more is added to an archive than its header says");
  }
  if (content.empty()) return;
  missing_ -= content.size();
  deflate(content, Z_NO_FLUSH);
  if (missing_ == 0) pad(size_);
}

void ArchiveWriter::finish() {
  expect_whole();
  constexpr std::array<std::byte, 2 * kBlock> kNothing{};
  deflate(kNothing, Z_FINISH);
}

void ArchiveWriter::expect_whole() const {
  if (missing_ != 0) throw Error(ErrorCode::kInternal, "a file of an archive is not complete");
}

void ArchiveWriter::put_header(std::string_view name, char type, std::uint64_t size,
                               std::int64_t modified) {
  TarHeader header;
  header.text(0, name);
  header.number(100, 8, 0600);
  header.number(108, 8, 0);
  header.number(116, 8, 0);
  header.number(124, 12, size);
  header.number(136, 12, static_cast<std::uint64_t>(modified));
  header.text(156, {&type, 1});
  header.text(257, "ustar  ");
  deflate(header.finish(), Z_NO_FLUSH);
}

// To whole blocks.
void ArchiveWriter::pad(std::uint64_t size) {
  constexpr std::array<std::byte, kBlock> kNothing{};
  deflate(ByteView(kNothing).first((kBlock - size % kBlock) % kBlock), Z_NO_FLUSH);
}

void ArchiveWriter::deflate(ByteView content, int flush) {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // zlib counts in 32 bits
  do {
    const ByteView piece = content.first(std::min(content.size(), kMost));
    content = content.subspan(piece.size());
    const int how = content.empty() ? flush : Z_NO_FLUSH;
    // It only reads them.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      ::deflate(&stream_, how);
      const std::size_t size = out_.size() - stream_.avail_out;
      if (size != 0) file_.write_at(written_, ByteView(out_).first(size));
      written_ += size;
    } while (stream_.avail_out == 0);
  } while (!content.empty());
}

}  // namespace holdfast::engine
