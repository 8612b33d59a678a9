// SQLite's record format (https://sqlite.org/fileformat2.html, section 2.1), for hostile input.
#ifndef HOLDFAST_SQLITE_RECORD_H_
#define HOLDFAST_SQLITE_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace holdfast::sqlite {

enum class TextEncoding : std::uint32_t { kUtf8 = 1, kUtf16LittleEndian = 2, kUtf16BigEndian = 3 };

// Everything here throws Error(kDatabaseDamaged) instead of reading past the end.
class RecordReader {
 public:
  explicit RecordReader(ByteView bytes) : rest_(bytes) {}
  std::uint64_t varint();  // big-endian groups of seven bits, at most nine bytes
  ByteView raw(std::uint64_t size);
  std::size_t remaining() const { return rest_.size(); }

 private:
  ByteView rest_;
};

// The first `columns` columns of a record, whose bytes must outlive it.
class Record {
 public:
  Record(ByteView bytes, std::size_t columns, TextEncoding encoding);

  std::string text(std::size_t column) const;      // UTF-8; empty for what is no text
  std::int64_t integer(std::size_t column) const;  // 0 for what is no integer

 private:
  struct Column {
    std::uint64_t type = 0;
    ByteView bytes;
  };
  std::vector<Column> columns_;
  TextEncoding encoding_;
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_RECORD_H_
