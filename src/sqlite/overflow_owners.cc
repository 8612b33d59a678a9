#include "sqlite/overflow_owners.h"

#include "sqlite/btree_format.h"
#include "sqlite/file_header.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kLargestRootOffset = 52;  // not zero: there are pointer maps

// What is past the end reads as zeros: no pointer leads to page 0.
std::uint64_t read_varint(ByteView bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int i = 0; i < 9 && at < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[at++]);
    if (i == 8) return value << 8 | byte;
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  return value;
}

}  // namespace

OverflowOwners::OverflowOwners(Geometry geometry, std::uint32_t usable)
    : geometry_(geometry),
      usable_(usable),
      is_tree_(geometry.page_count),
      is_other_(geometry.page_count),
      parents_(geometry.page_count + std::size_t{1}) {}

std::optional<OverflowOwners> OverflowOwners::of(PageSource& source) {
  const Geometry geometry = source.geometry();
  if (geometry.page_count > kMostPages) return std::nullopt;
  Bytes first(geometry.page_size);
  source.read(1, first);
  const FileHeader header = FileHeader::parse(first);
  if (header.reserved_bytes + 480 > geometry.page_size) return std::nullopt;
  std::optional<OverflowOwners> owners(
      OverflowOwners(geometry, geometry.page_size - header.reserved_bytes));
  if (!owners->mark_free_pages(source, header.first_freelist_trunk)) return std::nullopt;
  if (load_be32(first.data() + kLargestRootOffset) != 0) owners->mark_pointer_maps();
  const auto lock_page = kLockByteOffset / geometry.page_size + 1;
  if (lock_page <= geometry.page_count) owners->is_other_.set(static_cast<PageNumber>(lock_page));
  return owners;
}

bool OverflowOwners::mark_free_pages(PageSource& source, PageNumber trunk) {
  const auto mark = [&](PageNumber page) {
    if (page == 0 || page > geometry_.page_count || is_other_.test(page)) return false;
    is_other_.set(page);
    return true;
  };
  Bytes content(geometry_.page_size);
  while (trunk != 0) {
    if (!mark(trunk)) return false;
    source.read(trunk, content);
    const std::uint64_t leaves = load_be32(content.data() + 4);
    if (leaves > content.size() / 4 - 2) return false;
    for (std::size_t i = 0; i < leaves; ++i) {
      if (!mark(load_be32(content.data() + 8 + 4 * i))) return false;
    }
    trunk = load_be32(content.data());
  }
  return true;
}

// As SQLite's own ptrmapPageno() has it: one before each run of the pages that it describes, and
// never where the locks are.
void OverflowOwners::mark_pointer_maps() {
  const std::uint64_t run = usable_ / 5 + 1;
  const std::uint64_t lock_page = kLockByteOffset / geometry_.page_size + 1;
  for (std::uint64_t page = 2; page <= geometry_.page_count; page += run) {
    const std::uint64_t map = page == lock_page ? page + 1 : page;
    if (map <= geometry_.page_count) is_other_.set(static_cast<PageNumber>(map));
  }
}

void OverflowOwners::note(PageNumber child, PageNumber parent) {
  if (child == 0 || child > geometry_.page_count) return;
  parents_[child].store(parent, std::memory_order_relaxed);
}

bool OverflowOwners::may_be_overflow(PageNumber page, ByteView content) const {
  const std::byte type = content[page == 1 ? kFileHeaderSize : 0];
  const bool is_tree =
      type == kTableInterior || type == kTableLeaf || type == kIndexLeaf || type == kIndexInterior;
  return !is_tree && !is_other_.test(page);
}

void OverflowOwners::look_at(PageNumber page, ByteView content) {
  if (is_other_.test(page)) return;
  const std::byte type = content[page == 1 ? kFileHeaderSize : 0];
  if (type == kTableInterior) {
    is_tree_.set(page);
  } else if (type == kTableLeaf || type == kIndexLeaf || type == kIndexInterior) {
    is_tree_.set(page);
    look_at_cells(page, content.first(usable_));
  } else {
    note(load_be32(content.data()), page);
  }
}

void OverflowOwners::look_at_cells(PageNumber page, ByteView content) {
  const std::size_t header = page == 1 ? kFileHeaderSize : 0;
  const std::byte type = content[header];
  const std::size_t pointers = header + (type == kIndexInterior ? 12 : 8);
  const std::size_t cells = load_be16(content.data() + header + 3);
  const std::uint64_t least = (usable_ - 12) * 32 / 255 - 23;
  const std::uint64_t most = type == kTableLeaf ? usable_ - 35 : (usable_ - 12) * 64 / 255 - 23;
  if (pointers + 2 * cells > content.size()) return;
  for (std::size_t i = 0; i < cells; ++i) {
    std::size_t at = load_be16(content.data() + pointers + 2 * i);
    if (type == kIndexInterior) at += 4;
    const std::uint64_t size = read_varint(content, at);
    if (size <= most) continue;
    if (type == kTableLeaf) read_varint(content, at);
    const std::uint64_t fitting = least + (size - least) % (usable_ - 4);
    at += fitting <= most ? fitting : least;
    if (at + 4 <= content.size()) note(load_be32(content.data() + at), page);
  }
}

}  // namespace holdfast::sqlite
