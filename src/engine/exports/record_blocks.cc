#include "engine/exports/record_blocks.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace holdfast::engine {
namespace {

constexpr std::size_t kLongestKey = 512;

// Whether the database finds the same place in its order again when it is given this value: of text
// beyond ASCII it may hold what no other encoding can say.
bool is_a_place(const Cell& key) {
  if (key.type == Cell::Type::kInteger) return true;
  return key.type == Cell::Type::kText && key.bytes.size() <= kLongestKey &&
         std::ranges::all_of(key.bytes, [](char c) { return c > 0; });
}

}  // namespace

BlockBuilder::BlockBuilder(const codec::SecretKey& key, const RecordLayout& layout,
                           std::string_view between, std::uint64_t enough)
    : key_(layout.key.front()), between_(between.size()), enough_(enough), digester_(key) {}

void BlockBuilder::add(std::span<const Cell> row, std::size_t length) {
  const Cell& key = row[key_];
  lacks_key_ = lacks_key_ || key.type == Cell::Type::kNull;
  const bool full = !blocks_.empty() && blocks_.back().length >= enough_;
  if (blocks_.empty() || (full && is_a_place(key))) {
    end_block();
    blocks_.push_back({.first = is_a_place(key) ? value_of(key) : Value(std::int64_t{0}),
                       .rows = {},
                       .records = 1,
                       .length = length});
  } else {
    RecordBlock& block = blocks_.back();
    lacks_key_ = lacks_key_ || block.records == std::numeric_limits<std::uint32_t>::max();
    ++block.records;
    block.length += between_ + length;
  }
  digester_.add(row);
}

void BlockBuilder::end_block() {
  if (!blocks_.empty()) blocks_.back().rows = digester_.finish();
}

std::optional<std::vector<RecordBlock>> BlockBuilder::finish() {
  end_block();
  std::vector<RecordBlock> blocks = std::exchange(blocks_, {});
  if (std::exchange(lacks_key_, false)) return std::nullopt;
  return blocks;
}

}  // namespace holdfast::engine
