// Archives (.tar.gz) that every tar reads, written as a stream.
#ifndef HOLDFAST_ENGINE_LEGACY_ARCHIVE_WRITER_H_
#define HOLDFAST_ENGINE_LEGACY_ARCHIVE_WRITER_H_

#include <zlib.h>

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "env/file_system.h"

namespace holdfast::engine {

// Regular files one after the other, in GNU's form of tar (names and sizes have no limit), through
// gzip. The same calls write the same bytes. Memory does not grow with them. By one thread; what
// the file throws is passed on, and then the archive is of no use.
class ArchiveWriter {
 public:
  // `file` is empty, and must outlive this.
  explicit ArchiveWriter(env::File& file);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // The next file, only for its owner to read. Exactly `size` bytes of add() must follow.
  void begin(std::string_view name, std::uint64_t size, Time modified);
  void add(ByteView content);
  // The end of the archive; it is not synced.
  void finish();
  std::uint64_t bytes() const { return written_; }  // of the file, so far

 private:
  void put_header(std::string_view name, char type, std::uint64_t size, std::int64_t modified);
  void pad(std::uint64_t size);
  void expect_whole() const;
  void deflate(ByteView content, int flush);

  env::File& file_;
  z_stream stream_{};
  Bytes out_;
  std::uint64_t written_ = 0, size_ = 0, missing_ = 0;  // of the file that was begun
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_ARCHIVE_WRITER_H_
