// The records of a collection in blocks of neighbours: what is remembered of them, so that a later
// export reads all rows but prints only the blocks in which one differs.
#ifndef HOLDFAST_ENGINE_EXPORTS_RECORD_BLOCKS_H_
#define HOLDFAST_ENGINE_EXPORTS_RECORD_BLOCKS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/row_reader.h"
#include "engine/exports/row_digest.h"
#include "engine/records/record_mapping.h"

namespace holdfast::engine {

// The records whose keys are not less than `first` and less than that of the next block. The first
// of all blocks has all records before the second one, the last one all after it.
struct RecordBlock {
  Value first;             // a whole number, or ASCII text; not used of the first block of all
  codec::PageDigest rows;  // of all its rows
  std::uint32_t records = 0;
  std::uint64_t length = 0;  // of its text, with what stands between its records
  bool operator==(const RecordBlock&) const = default;
};

// By one thread at a time; the layout must outlive it.
class BlockBuilder {
 public:
  // A block ends with the first record with which its text has `enough` bytes, if the next one can
  // begin another. `between` is what stands between two records.
  BlockBuilder(const codec::SecretKey& key, const RecordLayout& layout, std::string_view between,
               std::uint64_t enough);

  // The next row, in the order of the keys, and how long its text is.
  void add(std::span<const Cell> row, std::size_t length);
  // All since the last finish(). Empty where the rows have no blocks: one lacks a key.
  std::optional<std::vector<RecordBlock>> finish();

 private:
  void end_block();

  const std::size_t key_;
  const std::size_t between_;
  const std::uint64_t enough_;
  RowDigester digester_;
  std::vector<RecordBlock> blocks_;
  bool lacks_key_ = false;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_RECORD_BLOCKS_H_
