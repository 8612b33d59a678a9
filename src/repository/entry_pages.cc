#include "repository/entry_pages.h"

#include <algorithm>
#include <span>
#include <type_traits>

#include "base/error.h"
#include "codec/aead.h"
#include "env/scratch_file.h"

namespace holdfast::repository {
namespace {

constexpr std::size_t kPageBytes = EntryPages::kPageEntries * sizeof(PlacedEntry);
constexpr std::size_t kPageBox = kPageBytes + codec::kBoxOverhead;
static_assert(sizeof(PlacedEntry) == 32 && std::is_trivially_copyable_v<PlacedEntry>);

ByteView bytes_of(const std::size_t& number) { return std::as_bytes(std::span(&number, 1)); }

}  // namespace

EntryPages::EntryPages(std::size_t count) {
  if (count > kMostHeld) {
    try {
      file_ = env::scratch_file();
      file_->allocate((count + kPageEntries - 1) / kPageEntries * kPageBox);
      key_ = codec::SecretKey::random();
    } catch (const Error&) {
      file_ = nullptr;
    }
  }
  held_.reserve(file_ ? kPageEntries : count);
}

void EntryPages::push_back(const PlacedEntry& entry) {
  held_.push_back(entry);
  if (file_ && held_.size() == kPageEntries) write_page();
}

void EntryPages::write_page() {
  const std::size_t number = written_ / kPageEntries;
  std::array<std::byte, kPageBox> box;
  codec::seal(key_, bytes_of(number), std::as_bytes(std::span(held_)), MutableByteView(box));
  file_->write_at(number * kPageBox, box);
  written_ += kPageEntries;
  held_.clear();
}

void EntryPages::read_page(std::size_t number, Page& page) const {
  std::array<std::byte, kPageBox> box;
  page.number = ~std::size_t{0};
  if (file_->read_at(number * kPageBox, box) != kPageBox) {
    throw Error(ErrorCode::kIo, "the scratch file of the index is shorter than what was written");
  }
  codec::open(key_, bytes_of(number), box, std::as_writable_bytes(std::span(page.entries)),
              "the scratch file of the index");
  page.number = number;
}

PlacedEntry EntryPages::at(std::size_t number) const {
  if (number >= written_) return held_[number - written_];
  const std::size_t page = number / kPageEntries;
  const std::lock_guard lock(mutex_);
  auto& kept = kept_[page % kKeptPages];
  if (!kept) kept = std::make_unique<Page>();
  if (kept->number != page) read_page(page, *kept);
  return kept->entries[number % kPageEntries];
}

std::size_t EntryPages::bytes() const {
  return held_.capacity() * sizeof(PlacedEntry) + (file_ ? kKeptPages * sizeof(Page) : 0);
}

}  // namespace holdfast::repository
