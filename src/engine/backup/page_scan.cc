#include "engine/backup/page_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <thread>
#include <utility>

#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel.h"
#include "engine/backup/slice_reader.h"

namespace holdfast::engine {
namespace {

using codec::PageDigest;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kGroupBytes = 1u << 20;
constexpr std::size_t kSliceBytes = 256u << 10;  // read at once: it stays in the processor's cache
constexpr std::size_t kMappedBytes = 64u << 20;  // of the file at once, by all threads together
constexpr std::size_t kKeptBytes = 24u << 20;  // changed pages kept in memory while a view is held

}  // namespace

struct PageScan::Worker {
  explicit Worker(const PageScan& scan)
      : encoder(scan.context_.repository.keys(), scan.context_.compression_level),
        reader(scan.source_, scan.context_.hasher, scan.geometry_.page_size, scan.window_pages_) {}
  repository::BlobEncoder encoder;
  Buffer group;  // content of the group that is being read
  Batch batch;   // changed pages out of several groups
  SliceReader reader;
};

// 1024 pages, the ones of one chunk of the digest table.
struct PageScan::Unit {
  std::uint64_t number = 0;
  std::uint64_t first = 0;  // page
  std::array<PageDigest, kChunkPages> before{}, now{};
  std::array<bool, kChunkPages> known{};  // `before` stands for content that is stored
  bool begins_with_before = false;        // the table has `before` in this chunk
  std::array<sqlite::PageFacts, kChunkPages> facts{};
  std::size_t read = 0, changed = 0;
};

PageScan::PageScan(const ScanContext& context, sqlite::PageSource& source, BaseState* base,
                   const env::Path& table)
    : context_(context),
      source_(source),
      base_(base),
      table_([&] {
        source.advance();
        const std::uint32_t page_size = source.geometry().page_size;
        if (base != nullptr && base->digests && base->digests->published() &&
            base->state.page_size == page_size) {
          return DigestTable::succeed(*base->digests);
        }
        return DigestTable::create(context.files, table, context.repository.keys().cache,
                                   page_size);
      }()),
      moment_(context.repository.clock().now()),
      geometry_(source.geometry()),
      group_pages_(std::max<std::size_t>(1, kGroupBytes / geometry_.page_size)),
      window_pages_(
          std::max<std::size_t>(1, kMappedBytes / context.threads / geometry_.page_size)) {
  if (base_ != nullptr && base_->state.page_size != geometry_.page_size) base_ = nullptr;
  facts_.reserve(geometry_.page_count);
}

std::uint64_t PageScan::watermark() const {
  return passed_ ? ~std::uint64_t{0} : units_.next() * kChunkPages;
}

void PageScan::refresh() {
  const sqlite::Geometry before = geometry_;
  const sqlite::Change change = source_.advance();
  moment_ = context_.repository.clock().now();
  geometry_ = source_.geometry();
  if (geometry_.page_size != before.page_size) {
    throw Error(ErrorCode::kDatabaseChanged,
                "the page size of the database changed while it was read");
  }
  if (change.kind == sqlite::Change::Kind::kNothing) return;
  if (change.kind == sqlite::Change::Kind::kUnknown) {
    unknown_ = unknown_ || watermark() > 0;
    return;
  }
  const std::uint64_t limit = watermark();
  for (const sqlite::PageNumber page : change.pages) {
    if (page <= limit) outstanding_.insert(page);
  }
  for (std::uint64_t page = before.page_count + 1ull; page <= geometry_.page_count; ++page) {
    if (page <= limit) outstanding_.insert(page);
  }
}

void PageScan::first_pass() {
  heal_lost_blobs();
  run_units(false, false);
  passed_ = true;
}

// A blob that got lost is stored again under its own id, for the older snapshots that need it, if
// the database still has exactly its pages.
void PageScan::heal_lost_blobs() {
  if (base_ == nullptr || base_->lost.empty()) return;
  Worker worker(*this);
  auto taken = Clock::now();
  std::uint64_t healed = 0;
  for (const LostBlob& lost : base_->lost) {
    Batch& batch = worker.batch;
    batch = {.pages = lost.pages, .digests = {}, .content = {}};
    const bool whole = std::ranges::all_of(
        lost.pages, [&](std::uint32_t page) { return page != 0 && page <= geometry_.page_count; });
    if (!whole) continue;
    batch.content.resize(lost.pages.size() * geometry_.page_size);
    for (std::size_t slot = 0; slot < lost.pages.size(); ++slot) {
      source_.read(
          lost.pages[slot],
          MutableByteView(batch.content).subspan(slot * geometry_.page_size, geometry_.page_size));
    }
    batch.digests.resize(lost.pages.size());
    context_.hasher.digest_pages(batch.content, geometry_.page_size, batch.digests);
    const BlobId id =
        repository::pages_id(context_.repository.keys(), geometry_.page_size, batch.digests);
    if (id == lost.id) {
      bytes_stored_ += context_.writer.add_pages(worker.encoder, id, batch.content, batch.digests);
      note_healed(batch);
      ++healed;
    }
    if (Clock::now() - taken > context_.longest_view / 2) {
      refresh();
      taken = Clock::now();
    }
  }
  context_.progress.notice(
      fmt::format("{} of {} blobs that the repository had lost are stored again; the pages of the "
                  "others are stored as they are now",
                  healed, base_->lost.size()));
}

// Its pages are backed again where the base's table has their digests; one that was made anew
// lacks those that were lost with the blob.
void PageScan::note_healed(const Batch& healed) {
  std::array<PageDigest, kChunkPages> digests;
  for (std::size_t slot = 0; slot < healed.pages.size(); ++slot) {
    const std::uint32_t page = healed.pages[slot];
    const std::uint64_t chunk = (page - 1) / kChunkPages;
    const bool next = slot == 0 || (healed.pages[slot - 1] - 1) / kChunkPages != chunk;
    if (next && !read_base_chunk(chunk, digests)) digests.fill(PageDigest{});
    if (digests[(page - 1) % kChunkPages] == healed.digests[slot]) base_->backed.insert(page);
  }
}

// A torn cache costs space, not safety: its pages count as changed.
bool PageScan::read_base_chunk(std::uint64_t chunk, std::span<PageDigest> digests) const {
  if (!base_->digests) return false;
  try {
    base_->digests->read_chunk(chunk, digests);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void PageScan::run_units(bool again, bool keep) {
  units_.restart(geometry_.page_count / kChunkPages, context_.threads, window_pages_ / kChunkPages);
  stop_ = false;
  std::mutex done_mutex;
  std::condition_variable_any done_changed;
  unsigned running = context_.threads;
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < context_.threads; ++i) {
      workers.emplace_back([&] {
        try {
          Worker worker(*this);
          for (bool within = true; within && !stop_;) {
            auto [unit, end] = units_.take();
            worker.reader.begin_stretch(end * kChunkPages + 1, again || base_ != nullptr);
            for (; within && unit < end && !stop_; ++unit) {
              {
                const ViewGate::Inside inside(gate_);
                within = unit * kChunkPages < geometry_.page_count;
              }
              if (within) scan_unit(worker, unit, again, keep);
            }
          }
          store_batch(worker, worker.batch);
        } catch (...) {
          fail();
        }
        const std::lock_guard lock(done_mutex);
        --running;
        done_changed.notify_all();
      });
    }
    std::unique_lock lock(done_mutex);
    while (!done_changed.wait_for(lock, context_.longest_view / 2, [&] { return running == 0; })) {
      if (again) continue;  // a second pass is only worth anything within one view
      lock.unlock();
      try {
        gate_.alone([this] { refresh(); });
      } catch (...) {
        fail();
      }
      lock.lock();
      if (stop_) {
        done_changed.wait(lock, [&] { return running == 0; });
        break;
      }
    }
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void PageScan::scan_unit(Worker& worker, std::uint64_t number, bool again, bool keep) {
  Unit unit;
  unit.number = number;
  unit.first = number * kChunkPages + 1;
  if (again) {
    unit.begins_with_before = read_own_chunk(number, unit.before, unit.known);
  } else if (base_ != nullptr) {
    unit.begins_with_before = read_base_chunk(number, unit.before);
    for (std::size_t i = 0; unit.begins_with_before && i < kChunkPages; ++i) {
      unit.known[i] = base_->backed.contains(unit.first + i);
    }
  }
  for (std::size_t start = 0; start < kChunkPages; start += group_pages_) {
    const std::size_t count = read_group(worker, unit, start);
    keep_or_store(worker, unit, start, count, keep);
    if (count < std::min(group_pages_, kChunkPages - start)) break;
    if (stop_) break;
  }
  finish_unit(unit, again);
}

// The digests that this scan has noted, and which of them stand for stored content. False for a
// chunk without any, which was never written: the database grew.
bool PageScan::read_own_chunk(std::uint64_t chunk, std::span<PageDigest> digests,
                              std::span<bool> known) {
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < kChunkPages; ++i) {
      known[i] = stored_.contains(chunk * kChunkPages + 1 + i);
    }
  }
  std::ranges::fill(digests, PageDigest{});
  if (std::ranges::find(known, true) == known.end()) return false;
  table_.read_chunk(chunk, digests);
  return true;
}

void PageScan::note_digests(std::uint64_t chunk, bool begins_with_before,
                            std::span<const PageDigest> before,
                            std::span<const PageDigest> digests) {
  if (begins_with_before) {
    table_.change_chunk(chunk, before, digests);
  } else {
    table_.write_chunk(chunk, digests);
  }
}

// Digests a group; answers how many pages of it there are. Of those that changed, the content is in
// the worker's buffer.
std::size_t PageScan::read_group(Worker& worker, Unit& unit, std::size_t start) {
  const std::size_t page_size = geometry_.page_size;
  const std::size_t wanted = std::min(group_pages_, kChunkPages - start);
  const std::size_t slice_pages = std::max<std::size_t>(1, kSliceBytes / page_size);
  const MutableByteView group = worker.group.first(group_pages_ * page_size);
  const Slice all{.first = static_cast<sqlite::PageNumber>(unit.first),
                  .before = unit.before,
                  .known = unit.known,
                  .now = unit.now,
                  .facts = unit.facts};
  std::size_t count = 0;
  while (count < wanted) {
    const Slice slice = all.part(start + count, std::min(slice_pages, wanted - count));
    worker.reader.prepare(slice, gate_);
    const ViewGate::Inside inside(gate_);
    if (slice.first > geometry_.page_count) break;
    const std::size_t pages =
        std::min<std::size_t>(slice.pages(), geometry_.page_count - slice.first + 1);
    worker.reader.read(slice.part(0, pages), group.subspan(count * page_size, pages * page_size));
    count += pages;
  }
  unit.read = start + count;
  context_.progress.advance(count * page_size);
  return count;
}

void PageScan::keep_or_store(Worker& worker, Unit& unit, std::size_t start, std::size_t count,
                             bool keep) {
  const std::size_t page_size = geometry_.page_size;
  std::vector<std::size_t> changed;
  for (std::size_t i = start; i < start + count; ++i) {
    if (!unit.known[i] || unit.before[i] != unit.now[i]) changed.push_back(i);
  }
  if (changed.empty()) return;
  unit.changed += changed.size();
  const ByteView group = worker.group.first(count * page_size);
  const auto content = [&](std::size_t i) {
    return group.subspan((i - start) * page_size, page_size);
  };
  if (keep) {
    Batch batch;
    for (const std::size_t i : changed) {
      batch.pages.push_back(static_cast<std::uint32_t>(unit.first + i));
      batch.digests.push_back(unit.now[i]);
      const ByteView page = content(i);
      batch.content.insert(batch.content.end(), page.begin(), page.end());
    }
    const std::lock_guard lock(mutex_);
    kept_bytes_ += batch.content.size();
    kept_.push_back(std::move(batch));
    if (kept_bytes_ > kKeptBytes) stop_ = true;
    return;
  }
  if (changed.size() == count) {
    // A whole group becomes a blob of its own, so that the same content gets the same id again.
    std::vector<std::uint32_t> pages;
    for (const std::size_t i : changed) pages.push_back(static_cast<std::uint32_t>(unit.first + i));
    store(worker, pages, std::span(unit.now).subspan(start, count), group);
    return;
  }
  for (const std::size_t i : changed) {
    collect(worker, static_cast<std::uint32_t>(unit.first + i), unit.now[i], content(i));
  }
}

void PageScan::finish_unit(Unit& unit, bool again) {
  // What a second pass did not reach keeps the digest it had.
  if (again) {
    const auto rest = static_cast<std::ptrdiff_t>(unit.read);
    std::copy(unit.before.begin() + rest, unit.before.end(), unit.now.begin() + rest);
  }
  if (!again || unit.changed > 0) {
    note_digests(unit.number, unit.begins_with_before, unit.before, unit.now);
  }
  const PageDigest sum = sum_of(unit.now);
  const std::lock_guard lock(mutex_);
  set_unit_sum(unit.number, sum);
  stored_.insert_range(unit.first, unit.read);
  if (facts_.size() < unit.first - 1 + unit.read) facts_.resize(unit.first - 1 + unit.read);
  std::copy_n(unit.facts.begin(), unit.read,
              facts_.begin() + static_cast<std::ptrdiff_t>(unit.first - 1));
  bytes_read_ += unit.read * geometry_.page_size;
}

void PageScan::collect(Worker& worker, std::uint32_t page, PageDigest digest, ByteView content) {
  Batch& batch = worker.batch;
  batch.content.reserve(group_pages_ * geometry_.page_size);
  batch.pages.push_back(page);
  batch.digests.push_back(digest);
  batch.content.insert(batch.content.end(), content.begin(), content.end());
  if (batch.pages.size() >= group_pages_) store_batch(worker, batch);
}

void PageScan::store(Worker& worker, std::span<const std::uint32_t> pages,
                     std::span<const PageDigest> digests, ByteView content) {
  const BlobId id = repository::pages_id(context_.repository.keys(), geometry_.page_size, digests);
  const std::uint64_t added = context_.writer.add_pages(worker.encoder, id, content, digests);
  const std::lock_guard lock(mutex_);
  placements_.add(id, pages);
  bytes_stored_ += added;
}

void PageScan::store_batch(Worker& worker, Batch& batch) {
  if (batch.pages.empty()) return;
  store(worker, batch.pages, batch.digests, batch.content);
  batch.pages.clear();
  batch.digests.clear();
  batch.content.clear();
}

bool PageScan::catch_up(bool last) {
  if (!unknown_) return catch_up_pages(last);
  outstanding_.clear();
  run_units(true, !last);
  if (stop_) return false;
  unknown_ = false;
  return true;
}

bool PageScan::catch_up_pages(bool last) {
  constexpr std::uint64_t kNoChunk = ~std::uint64_t{0};
  Worker worker(*this);
  Bytes page_content(geometry_.page_size);
  std::array<PageDigest, kChunkPages> before, digests;
  std::array<bool, kChunkPages> known;
  std::uint64_t chunk = kNoChunk;
  bool begins_with_before = false, chunk_changed = false;
  const auto put_chunk = [&] {
    if (chunk_changed) {
      note_digests(chunk, begins_with_before, before, digests);
      set_unit_sum(chunk, sum_of(digests));
    }
    chunk_changed = false;
  };
  facts_.resize(std::max<std::size_t>(facts_.size(), geometry_.page_count));
  bool finished = true;
  const std::vector<std::uint32_t> pages = outstanding_.members(geometry_.page_count);
  worker.batch.content.reserve(
      std::min(pages.size() * geometry_.page_size, kKeptBytes + geometry_.page_size));
  for (const std::uint32_t page : pages) {
    if (kept_bytes_ + worker.batch.content.size() > kKeptBytes && !last) {
      finished = false;
      break;
    }
    if ((page - 1) / kChunkPages != chunk) {
      put_chunk();
      chunk = (page - 1) / kChunkPages;
      begins_with_before = read_own_chunk(chunk, before, known);
      digests = before;
    }
    source_.read(page, page_content);
    const PageDigest digest = context_.hasher.digest(page_content);
    facts_[page - 1] = sqlite::facts_of(page, page_content);
    bytes_read_ += geometry_.page_size;
    outstanding_.erase(page);
    PageDigest& noted = digests[(page - 1) % kChunkPages];
    if (stored_.contains(page) && noted == digest) continue;
    noted = digest;
    chunk_changed = true;
    stored_.insert(page);
    if (last) {
      collect(worker, page, digest, page_content);
      continue;
    }
    Batch& batch = worker.batch;
    batch.pages.push_back(page);
    batch.digests.push_back(digest);
    batch.content.insert(batch.content.end(), page_content.begin(), page_content.end());
  }
  put_chunk();
  if (finished) outstanding_.clear();  // what is left lies beyond the end
  if (last) {
    store_batch(worker, worker.batch);
  } else if (!worker.batch.pages.empty()) {
    kept_bytes_ += worker.batch.content.size();
    kept_.push_back(std::move(worker.batch));
  }
  return finished;
}

void PageScan::release() {
  source_.release();
  store_kept();
}

// In groups of their own: they may have come one by one.
void PageScan::store_kept() {
  if (kept_.empty()) return;
  Batch all = std::move(kept_.front());
  for (Batch& batch : std::span(kept_).subspan(1)) {
    all.pages.insert(all.pages.end(), batch.pages.begin(), batch.pages.end());
    all.digests.insert(all.digests.end(), batch.digests.begin(), batch.digests.end());
    all.content.insert(all.content.end(), batch.content.begin(), batch.content.end());
    batch = {};
  }
  kept_.clear();
  kept_bytes_ = 0;
  std::atomic<std::size_t> next{0};
  run_parallel(context_.threads, [&](const std::atomic<bool>& stop) {
    Worker worker(*this);
    while (!stop) {
      const std::size_t start = next.fetch_add(group_pages_);
      if (start >= all.pages.size()) break;
      const std::size_t count = std::min(group_pages_, all.pages.size() - start);
      store(
          worker, std::span(all.pages).subspan(start, count),
          std::span(all.digests).subspan(start, count),
          ByteView(all.content).subspan(start * geometry_.page_size, count * geometry_.page_size));
    }
  });
}

}  // namespace holdfast::engine
