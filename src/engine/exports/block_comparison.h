// The records of a collection as they are, compared with those that an export has printed before.
#ifndef HOLDFAST_ENGINE_EXPORTS_BLOCK_COMPARISON_H_
#define HOLDFAST_ENGINE_EXPORTS_BLOCK_COMPARISON_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/progress.h"
#include "base/row_reader.h"
#include "engine/exports/export_target.h"
#include "engine/exports/record_blocks.h"
#include "engine/exports/text_plan.h"
#include "engine/records/record_mapping.h"

namespace holdfast::engine {

struct PrintedBlocks {
  const codec::SecretKey& key;  // of the digests
  std::uint64_t block_length;   // how long the text of a block is to be
  const std::vector<RecordBlock>& blocks;
};

struct BlockComparison {
  TextPlan plan;               // the text as it is to be, from what was printed and what is new
  std::uint64_t old_size = 0;  // of the text that was printed
  std::vector<RecordBlock> blocks;
  std::uint64_t records = 0;

  bool is_unchanged() const { return plan.size() == old_size && plan.is_unmoved(0, old_size); }
};

// Reads all rows, on two threads, and prints those of blocks that differ. Empty where so much is
// new that printing everything is better. The reader has twins, and the layout a key of one column
// and no children.
std::optional<BlockComparison> compare_blocks(RowReader& reader, const RecordLayout& layout,
                                              ExportFormat format, const PrintedBlocks& printed,
                                              Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_BLOCK_COMPARISON_H_
