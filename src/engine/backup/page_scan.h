// Reads one database while others write to it, and stores the pages that the repository does not
// have.
//
// A long read is made of many short views. The first pass goes through all pages, changing to the
// newest view every while; what changed behind it is outstanding. catch_up() reads what is
// outstanding within one view: when nothing is left, that view is the state that was backed up.
#ifndef HOLDFAST_ENGINE_BACKUP_PAGE_SCAN_H_
#define HOLDFAST_ENGINE_BACKUP_PAGE_SCAN_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "codec/page_digest.h"
#include "engine/backup/base_state.h"
#include "engine/backup/digest_table.h"
#include "engine/backup/page_set.h"
#include "engine/backup/placement.h"
#include "engine/backup/scan_record.h"
#include "engine/backup/unit_queue.h"
#include "engine/backup/view_gate.h"
#include "repository/writer.h"
#include "sqlite/page_facts.h"
#include "sqlite/page_source.h"

namespace holdfast::engine {

// What all scans of a backup share.
struct ScanContext {
  const repository::Repository& repository;
  repository::Writer& writer;
  const codec::PageHasher& hasher;
  const codec::ChecksumKey& checksum_key;
  env::FileSystem& files;
  Progress& progress;
  int compression_level;
  unsigned threads;
  std::chrono::milliseconds longest_view;
};

// All members belong to one thread; first_pass() and catch_up() use workers of their own.
class PageScan {
 public:
  // `base` may be null. The source's first view is taken here.
  PageScan(const ScanContext& context, sqlite::PageSource& source, BaseState* base,
           const env::Path& table);

  void first_pass();
  // Instead of it: takes over what the scan of `base` found in all pages but the `changed`, and
  // reads these, and some of the others to be sure. False where the record does not fit, or where a
  // page differs that should not; nothing has happened then.
  bool resume(ScanRecord& record, std::span<const sqlite::PageNumber> changed);
  // Takes a new view and notes what changed since the last one. Throws kDatabaseChanged if the page
  // size did.
  void refresh();
  // Reads what is outstanding in the current view. Changed pages are kept in memory until
  // release(); if there are too many of them it stops and answers false, unless this is the `last`
  // attempt: then they are stored while the view is held.
  bool catch_up(bool last);
  // Stores what catch_up() kept; release() gives up the view before.
  void store_kept();
  void release();

  sqlite::PageSource& source() { return source_; }
  const sqlite::Geometry& geometry() const { return geometry_; }
  Time moment() const { return moment_; }  // when the current view had been taken
  // Of the current view, for which nothing may be outstanding.
  const std::vector<sqlite::PageFacts>& facts();

  // Afterwards:
  const Placements& placements() const { return placements_; }
  DigestTable& table() { return table_; }
  std::string checksum() const {  // of the whole database: codec::DatabaseChecksum::finish
    return checksum_of(unit_sums_, table_, geometry_.page_count);
  }
  const std::vector<codec::PageDigest>& unit_sums() const { return unit_sums_; }
  std::vector<sqlite::PageFacts> take_facts() { return std::move(facts_); }
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_stored() const { return bytes_stored_; }

 private:
  struct Worker;
  struct Unit;
  // Pages with their content, waiting to become a blob.
  struct Batch {
    std::vector<std::uint32_t> pages;
    std::vector<codec::PageDigest> digests;
    Bytes content;
  };

  void heal_lost_blobs();
  void note_healed(const Batch& healed);
  bool read_base_chunk(std::uint64_t chunk, std::span<codec::PageDigest> digests) const;
  void run_units(bool again, bool keep);
  void fail() {  // with the exception that is being handled
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    stop_ = true;
  }
  void scan_unit(Worker& worker, std::uint64_t unit, bool again, bool keep);
  std::size_t read_group(Worker& worker, Unit& unit, std::size_t start);
  void keep_or_store(Worker& worker, Unit& unit, std::size_t start, std::size_t count, bool keep);
  bool read_own_chunk(std::uint64_t chunk, std::span<codec::PageDigest> digests,
                      std::span<bool> known);
  void note_digests(std::uint64_t chunk, bool begins_with_before,
                    std::span<const codec::PageDigest> before,
                    std::span<const codec::PageDigest> digests);
  void finish_unit(Unit& unit, bool again);
  bool catch_up_pages(bool last);
  bool is_record_of_base(const ScanRecord& record) const;
  bool are_as_in_base(std::span<const std::uint32_t> pages);
  std::vector<std::uint32_t> sample_of(const PageSet& changed) const;
  std::string checksum_of(std::span<const codec::PageDigest> unit_sums, const DigestTable& table,
                          std::uint64_t page_count) const;
  void collect(Worker& worker, std::uint32_t page, codec::PageDigest digest, ByteView content);
  void store(Worker& worker, std::span<const std::uint32_t> pages,
             std::span<const codec::PageDigest> digests, ByteView content);
  void store_batch(Worker& worker, Batch& batch);
  codec::PageDigest sum_of(std::span<const codec::PageDigest> digests) const;
  void set_unit_sum(std::uint64_t unit, codec::PageDigest sum);  // with mutex_ held
  std::uint64_t watermark() const;

  const ScanContext& context_;
  sqlite::PageSource& source_;
  BaseState* base_;
  DigestTable table_;
  Time moment_;
  sqlite::Geometry geometry_;
  std::size_t group_pages_;   // pages in a blob of about 1 MiB
  std::size_t window_pages_;  // of the file, mapped at once by each worker

  ViewGate gate_;
  UnitQueue units_;
  std::atomic<bool> stop_{false};
  bool passed_ = false;   // the first pass is over
  bool unknown_ = false;  // anything that was read may have changed
  PageSet outstanding_;

  std::mutex mutex_;  // guards everything below while workers run
  PageSet
      stored_;  // pages whose digest in `table_` stands for content in the repository (or in kept_)
  std::vector<sqlite::PageFacts> facts_;
  std::vector<codec::PageDigest>
      unit_sums_;  // each unit's part of the checksum, as if it began with page 1
  Placements placements_;
  std::vector<Batch> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t bytes_read_ = 0, bytes_stored_ = 0;
  std::exception_ptr failure_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_PAGE_SCAN_H_
