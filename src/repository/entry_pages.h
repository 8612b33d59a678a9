// The entries of one part of the index, in the order of its packs.
#ifndef HOLDFAST_REPOSITORY_ENTRY_PAGES_H_
#define HOLDFAST_REPOSITORY_ENTRY_PAGES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "codec/secret_key.h"
#include "env/file_system.h"
#include "repository/blob.h"

namespace holdfast::repository {

struct PlacedEntry {
  BlobEntry blob;
  std::uint32_t offset = 0;  // of its box within its pack
};

// Few are held in memory. Many are in pages of a scratch file, encrypted under a key that nobody
// keeps, and a few pages of it in memory: a page holds neighbours of one pack, which are wanted
// together. Where there is no room for a file, all are held. at() may be called from several
// threads, once all have been added.
class EntryPages {
 public:
  static constexpr std::size_t kMostHeld = 1u << 15;
  static constexpr std::size_t kPageEntries = 128;

  explicit EntryPages(std::size_t count);
  void push_back(const PlacedEntry& entry);  // at most `count` times
  PlacedEntry at(std::size_t number) const;
  std::size_t size() const { return written_ + held_.size(); }
  std::size_t bytes() const;  // of memory, at most

 private:
  static constexpr std::size_t kKeptPages = 16;
  struct Page {
    std::size_t number = ~std::size_t{0};
    std::array<PlacedEntry, kPageEntries> entries;
  };
  void write_page();
  void read_page(std::size_t number, Page& page) const;

  std::size_t written_ = 0;        // to the file
  std::vector<PlacedEntry> held_;  // the others
  std::unique_ptr<env::File> file_;
  codec::SecretKey key_;
  mutable std::mutex mutex_;  // guards kept_
  mutable std::array<std::unique_ptr<Page>, kKeptPages> kept_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_ENTRY_PAGES_H_
