// What a scan knows in the end, and how the next one goes on from it where the log proves which
// pages changed since.
#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "engine/backup/page_scan.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;

// Pages that are looked at though they cannot have changed. A program that wrote past SQLite to one
// page in ten is found out by them with a probability of 99.9 %.
constexpr std::size_t kSampledPages = 64;

}  // namespace

PageDigest PageScan::sum_of(std::span<const PageDigest> digests) const {
  codec::DatabaseChecksum sum(context_.checksum_key);
  sum.add(1, digests);
  return sum.sum();
}

void PageScan::set_unit_sum(std::uint64_t unit, PageDigest sum) {
  if (unit_sums_.size() <= unit) unit_sums_.resize(unit + 1);
  unit_sums_[unit] = sum;
}

std::string PageScan::checksum_of(std::span<const PageDigest> unit_sums, const DigestTable& table,
                                  std::uint64_t page_count) const {
  codec::DatabaseChecksum sum(context_.checksum_key);
  const std::uint64_t whole_units = page_count / kChunkPages;
  for (std::uint64_t unit = 0; unit < whole_units; ++unit) {
    sum.add_range(unit * kChunkPages, unit_sums[unit]);
  }
  if (const std::uint64_t rest = page_count % kChunkPages; rest > 0) {
    // Its digests may go on beyond the end: the database was longer for a while.
    std::array<PageDigest, kChunkPages> digests;
    table.read_chunk(whole_units, digests);
    sum.add(whole_units * kChunkPages + 1, std::span(digests).first(rest));
  }
  return sum.finish(geometry_.page_size, page_count);
}

const std::vector<sqlite::PageFacts>& PageScan::facts() {
  facts_.resize(geometry_.page_count);
  return facts_;
}

bool PageScan::resume(ScanRecord& record, std::span<const sqlite::PageNumber> changed) {
  if (!is_record_of_base(record)) return false;
  PageSet pages;
  for (const sqlite::PageNumber page : changed) pages.insert(page);
  const std::uint64_t known = base_->state.page_count;
  if (geometry_.page_count > known) pages.insert_range(known + 1, geometry_.page_count - known);
  if (!are_as_in_base(sample_of(pages))) return false;

  stored_ = base_->backed;
  facts_ = std::move(record.facts);
  unit_sums_ = std::move(record.unit_sums);
  outstanding_ = std::move(pages);
  passed_ = true;
  context_.progress.advance(std::uint64_t{geometry_.page_count} * geometry_.page_size);
  while (!unknown_ && !catch_up_pages(false)) {
    store_kept();
    refresh();
  }
  return true;
}

// The checksum that the sums give is that of the snapshot: nothing else was recorded with it.
bool PageScan::is_record_of_base(const ScanRecord& record) const {
  if (base_ == nullptr || !base_->digests || !base_->digests->published()) return false;
  const std::uint64_t pages = base_->state.page_count;
  if (record.snapshot != base_->digests->header().snapshot || record.facts.size() != pages ||
      record.unit_sums.size() * kChunkPages < pages || base_->backed.size() != pages) {
    return false;
  }
  try {
    return checksum_of(record.unit_sums, *base_->digests, pages) == base_->state.checksum;
  } catch (const Error&) {
    return false;
  }
}

// Page 1 among them, where most of what is written leaves a trace.
std::vector<std::uint32_t> PageScan::sample_of(const PageSet& changed) const {
  const auto most = std::min<std::uint64_t>(geometry_.page_count, base_->state.page_count);
  std::array<std::uint64_t, kSampledPages> random{};
  codec::random_bytes(std::as_writable_bytes(std::span(random)));
  PageSet sample;
  sample.insert(1);
  for (const std::uint64_t number : random) sample.insert(1 + number % most);
  std::vector<std::uint32_t> pages = sample.members(most);
  std::erase_if(pages, [&](std::uint32_t page) { return changed.contains(page); });
  return pages;
}

bool PageScan::are_as_in_base(std::span<const std::uint32_t> pages) {
  std::array<PageDigest, kChunkPages> digests;
  std::uint64_t chunk = ~std::uint64_t{0};
  Bytes content(geometry_.page_size);
  for (const std::uint32_t page : pages) {
    if (const std::uint64_t own = (page - 1) / kChunkPages; own != chunk) {
      chunk = own;
      if (!read_base_chunk(chunk, digests)) return false;
    }
    source_.read(page, content);
    bytes_read_ += content.size();
    if (context_.hasher.digest(content) != digests[(page - 1) % kChunkPages]) return false;
  }
  return true;
}

}  // namespace holdfast::engine
