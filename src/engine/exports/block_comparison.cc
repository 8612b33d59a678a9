#include "engine/exports/block_comparison.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/parallel.h"
#include "engine/exports/record_text.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kBlocksAtOnce = 64;
// It is held in memory until it is written.
constexpr std::uint64_t kMostNewText = std::uint64_t{6} << 20;

// Blocks that were printed anew: what takes the place of one.
struct NewBlocks {
  std::vector<RecordBlock> blocks;
  std::string text;
};

// What several threads have found.
class Findings {
 public:
  Findings(const std::vector<RecordBlock>& printed, Progress& progress)
      : printed_(printed), progress_(progress) {
    std::uint64_t size = 0;
    for (const RecordBlock& block : printed) size += block.length;
    for (std::uint64_t at = 0; at < size / 2; ++first_late_) at += printed[first_late_].length;
  }

  // False where printing everything is better: there is too much that is new, or more than half of
  // the text has moved.
  bool add(std::size_t block, NewBlocks fresh) {
    const bool moves = fresh.text.size() != printed_[block].length;
    const std::lock_guard lock(mutex_);
    new_text_ += fresh.text.size();
    changed_[block] = std::move(fresh);
    return new_text_ <= kMostNewText && (!moves || block >= first_late_);
  }
  void advance(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    progress_.advance(bytes);
  }
  // After all threads.
  std::map<std::size_t, NewBlocks> take_changed() { return std::move(changed_); }

 private:
  std::mutex mutex_;
  const std::vector<RecordBlock>& printed_;
  Progress& progress_;
  std::size_t first_late_ = 0;  // block in the second half of the text
  std::map<std::size_t, NewBlocks> changed_;
  std::uint64_t new_text_ = 0;
};

// By one thread.
class BlockReader {
 public:
  BlockReader(RowReader& reader, const RecordLayout& layout, ExportFormat format,
              const PrintedBlocks& printed)
      : reader_(reader),
        layout_(layout),
        format_(format),
        printed_(printed),
        printer_(layout, reader),
        digester_(printed.key) {}

  // Whether blocks from `begin` to before `end` have the rows that they had. One scan: a row that
  // came or went makes all blocks after it look changed, too, and then each is looked at alone.
  bool are_same(std::size_t begin, std::size_t end) {
    const auto scan = reader_.scan(query(begin, end));
    for (std::size_t block = begin; block < end; ++block) {
      for (std::uint32_t i = 0; i < printed_.blocks[block].records; ++i) {
        if (!scan->next()) {
          digester_.finish();
          return false;
        }
        digester_.add(scan->row());
      }
      if (digester_.finish() != printed_.blocks[block].rows) return false;
    }
    return !scan->next();
  }

  // Empty where a row has no key, or the keys are in another order than they were.
  std::optional<NewBlocks> print(std::size_t block) {
    if (ends_before_it_begins(block)) return std::nullopt;
    const std::string_view between = text_between_records(format_);
    BlockBuilder builder(printed_.key, layout_, between, printed_.block_length);
    NewBlocks fresh;
    const auto scan = reader_.scan(query(block, block + 1));
    for (bool any = false; scan->next(); any = true) {
      if (any) fresh.text += between;
      const std::size_t before = fresh.text.size();
      append_record_text(format_, printer_, scan->row(), fresh.text);
      builder.add(scan->row(), fresh.text.size() - before);
    }
    auto blocks = builder.finish();
    if (!blocks) return std::nullopt;
    // Records may come before the first of them later.
    if (!blocks->empty()) blocks->front().first = printed_.blocks[block].first;
    fresh.blocks = std::move(*blocks);
    fresh.text.shrink_to_fit();
    return fresh;
  }

 private:
  // Whether there are rows from the first key of the next block to before that of this one: other
  // blocks have them too, after somebody has changed how the column is compared.
  bool ends_before_it_begins(std::size_t block) {
    if (block == 0 || block + 1 == printed_.blocks.size()) return false;
    RowQuery query = printer_.query();
    begin_with(query, block + 1);
    end_before(query, block);
    return reader_.scan(query)->next();
  }

  RowQuery query(std::size_t begin, std::size_t end) const {
    RowQuery query = printer_.query();
    if (begin > 0) begin_with(query, begin);
    if (end < printed_.blocks.size()) end_before(query, end);
    return query;
  }
  void begin_with(RowQuery& query, std::size_t block) const {
    query.conditions.push_back({.column = layout_.collection.key.front(),
                                .is = RowCondition::Is::kGreaterOrEqual,
                                .value = printed_.blocks[block].first});
  }
  void end_before(RowQuery& query, std::size_t block) const {
    query.conditions.push_back({.column = layout_.collection.key.front(),
                                .is = RowCondition::Is::kLess,
                                .value = printed_.blocks[block].first});
  }

  RowReader& reader_;
  const RecordLayout& layout_;
  const ExportFormat format_;
  const PrintedBlocks& printed_;
  RecordPrinter printer_;
  RowDigester digester_;
};

// No range of keys has NULL in it.
bool has_null_key(RowReader& reader, const RecordLayout& layout) {
  const std::string& key = layout.collection.key.front();
  return !reader
              .select({.table = layout.collection.table,
                       .columns = {key},
                       .conditions = {{.column = key, .is = RowCondition::Is::kEqual, .value = {}}},
                       .order = {},
                       .limit = 1})
              .empty();
}

// Puts the text together from what has stayed and what is new.
BlockComparison put_together(const RecordPrinter& printer, ExportFormat format,
                             const std::vector<RecordBlock>& old,
                             std::map<std::size_t, NewBlocks> changed) {
  const std::string_view between = text_between_records(format);
  const std::uint64_t before = text_before_records(format, printer).size();
  const std::uint64_t after = text_after_records(format).size();
  BlockComparison comparison;
  comparison.blocks.reserve(old.size() + changed.size());
  comparison.plan.copy(0, before);
  std::uint64_t at = before;  // in the old text
  for (std::size_t i = 0; i < old.size(); ++i) {
    const bool any = !comparison.blocks.empty();
    if (i > 0) at += between.size();
    const auto found = changed.find(i);
    if (found == changed.end()) {
      const std::uint64_t copied = any && i > 0 ? between.size() : 0;
      if (any && copied == 0) comparison.plan.add(std::string(between));
      comparison.plan.copy(at - copied, copied + old[i].length);
      comparison.blocks.push_back(old[i]);
    } else if (!found->second.blocks.empty()) {
      if (any) comparison.plan.add(std::string(between));
      comparison.plan.add(std::move(found->second.text));
      std::ranges::copy(found->second.blocks, std::back_inserter(comparison.blocks));
    }
    at += old[i].length;
  }
  comparison.plan.copy(at, after);
  comparison.old_size = at + after;
  for (const RecordBlock& block : comparison.blocks) comparison.records += block.records;
  return comparison;
}

}  // namespace

std::optional<BlockComparison> compare_blocks(RowReader& reader, const RecordLayout& layout,
                                              ExportFormat format, const PrintedBlocks& printed,
                                              Progress& progress) {
  if (printed.blocks.empty() || has_null_key(reader, layout)) return std::nullopt;
  const std::unique_ptr<RowReader> twin = reader.twin();
  Findings findings(printed.blocks, progress);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> whole{false}, twin_taken{false};
  run_parallel(2, [&](const std::atomic<bool>& stop) {
    BlockReader blocks(twin_taken.exchange(true) ? reader : *twin, layout, format, printed);
    const std::size_t count = printed.blocks.size();
    while (!stop && !whole) {
      const std::size_t begin = next.fetch_add(kBlocksAtOnce);
      if (begin >= count) break;
      const std::size_t end = std::min(begin + kBlocksAtOnce, count);
      if (!blocks.are_same(begin, end)) {
        for (std::size_t block = begin; block < end && !whole; ++block) {
          if (blocks.are_same(block, block + 1)) continue;
          auto fresh = blocks.print(block);
          if (!fresh || !findings.add(block, std::move(*fresh))) whole = true;
        }
      }
      std::uint64_t bytes = 0;
      for (std::size_t i = begin; i < end; ++i) bytes += printed.blocks[i].length;
      findings.advance(bytes);
    }
  });
  if (whole) return std::nullopt;
  const RecordPrinter printer(layout, reader);
  return put_together(printer, format, printed.blocks, findings.take_changed());
}

}  // namespace holdfast::engine
