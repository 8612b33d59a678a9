// The values of a record, told apart from noise (https://sqlite.org/fileformat2.html, section 2.1).
#ifndef HOLDFAST_SQLITE_SALVAGE_STORED_RECORD_H_
#define HOLDFAST_SQLITE_SALVAGE_STORED_RECORD_H_

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace holdfast::sqlite {

struct StoredValue {
  enum class Kind : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  double real = 0;
  ByteView bytes;         // of text, in the encoding of the database, and of blobs
  std::size_t width = 0;  // bytes that the value takes behind the header of the record
};

// More columns than SQLite can be built to have.
inline constexpr std::size_t kMostFields = 32767;

// Decodes `payload`, which is the beginning of a record of `size` bytes, into `values`, which
// borrow it. A record is only taken for one where its header and its values add up to exactly
// `size` bytes, as all that SQLite writes do: noise hardly ever does. Where the payload is cut off,
// `values` end with the last one that has any bytes, cut off too.
enum class RecordSum {
  kNone,      // no record
  kTooSmall,  // it would be one if it had fewer bytes
  kRight,
};
RecordSum sum_up_record(ByteView payload, std::uint64_t size, std::vector<StoredValue>& values);

// Whether it is a record.
inline bool decode_record(ByteView payload, std::uint64_t size, std::vector<StoredValue>& values) {
  return sum_up_record(payload, size, values) == RecordSum::kRight;
}

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_SALVAGE_STORED_RECORD_H_
