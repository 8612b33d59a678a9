// Digests a few pages at a time: a copy of them, or, where they should be as they were, the pages
// themselves in the system's page cache.
#ifndef HOLDFAST_ENGINE_BACKUP_SLICE_READER_H_
#define HOLDFAST_ENGINE_BACKUP_SLICE_READER_H_

#include <cstdint>
#include <span>

#include "codec/page_digest.h"
#include "engine/backup/view_gate.h"
#include "env/mapped_range.h"
#include "sqlite/page_facts.h"
#include "sqlite/page_source.h"

namespace holdfast::engine {

// What is known of the pages of a slice, and what is found: all of one length.
struct Slice {
  sqlite::PageNumber first = 0;
  std::span<const codec::PageDigest> before;
  std::span<const bool> known;  // `before` stands for content that is stored
  std::span<codec::PageDigest> now;
  std::span<sqlite::PageFacts> facts;

  std::size_t pages() const { return now.size(); }
  Slice part(std::size_t start, std::size_t count) const;
};

// One for each thread.
class SliceReader {
 public:
  // `window_pages` of the file are mapped at once. The larger, the less often memory is taken out
  // of the page tables, for which all threads wait.
  SliceReader(sqlite::PageSource& source, const codec::PageHasher& hasher, std::size_t page_size,
              std::size_t window_pages)
      : source_(source), hasher_(hasher), page_size_(page_size), window_pages_(window_pages) {}

  // The pages before `end` are to be read, one slice after the other; `looks` where most of them
  // should be as they were.
  void begin_stretch(std::uint64_t end, bool looks);
  // Before a slice is read: maps what begins with it. The gate is entered, but nothing is read from
  // a disk meanwhile.
  void prepare(const Slice& slice, ViewGate& gate);
  // Within the view. Of pages that are not known to be as they were, `content` gets the content,
  // just that which was digested, whoever writes to the file meanwhile.
  void read(const Slice& slice, MutableByteView content);

 private:
  bool look(const Slice& slice, MutableByteView content);
  void copy(const Slice& slice, MutableByteView content);
  void note_facts(const Slice& slice, ByteView content) const;

  sqlite::PageSource& source_;
  const codec::PageHasher& hasher_;
  std::size_t page_size_, window_pages_;
  env::MappedRange window_;
  std::uint64_t window_first_ = 0, stretch_end_ = 0;  // pages
  bool looks_ = false;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_SLICE_READER_H_
