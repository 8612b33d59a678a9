// Numbers that are found by an id.
#ifndef HOLDFAST_REPOSITORY_ID_TABLE_H_
#define HOLDFAST_REPOSITORY_ID_TABLE_H_

#include <bit>
#include <cstdint>
#include <vector>

#include "base/id.h"

namespace holdfast::repository {

// Open addressing in one array that does not grow: 4 bytes a slot, a third more slots than numbers.
// The bits that a number leaves free hold a part of the hash, so that whoever compares ids (which
// are not here) seldom has to look at a wrong one. May be read from several threads.
class IdTable {
 public:
  // For `most` numbers, all below `most`, which is less than 2^32.
  explicit IdTable(std::size_t most)
      : number_bits_(static_cast<unsigned>(std::bit_width(most))),
        slots_(most + most / 3 + 1, kEmpty) {}

  template <typename Tag>
  void insert(const Id<Tag>& id, std::uint32_t number) {
    std::size_t at = slot_of(id);
    while (slots_[at] != kEmpty) at = after(at);
    slots_[at] = mark_of(id) | number;
  }
  // Calls `stop(number)` for each number that may be the id's, in the order of insertion, until it
  // answers true.
  template <typename Tag, typename Stop>
  void visit(const Id<Tag>& id, const Stop& stop) const {
    for (std::size_t at = slot_of(id); slots_[at] != kEmpty; at = after(at)) {
      if ((slots_[at] & ~number_mask()) != mark_of(id)) continue;
      if (stop(slots_[at] & number_mask())) return;
    }
  }
  std::size_t bytes() const { return slots_.capacity() * sizeof(std::uint32_t); }

 private:
  static constexpr std::uint32_t kEmpty = 0xffffffff;  // more than any mark with a number

  std::uint32_t number_mask() const {
    return number_bits_ >= 32 ? 0xffffffff : (std::uint32_t{1} << number_bits_) - 1;
  }
  template <typename Tag>
  std::size_t slot_of(const Id<Tag>& id) const {
    return load<std::uint64_t>(id.bytes.data()) % slots_.size();
  }
  template <typename Tag>
  std::uint32_t mark_of(const Id<Tag>& id) const {
    return load<std::uint32_t>(id.bytes.data() + 8) & ~number_mask();
  }
  std::size_t after(std::size_t at) const { return at + 1 == slots_.size() ? 0 : at + 1; }

  unsigned number_bits_;
  std::vector<std::uint32_t> slots_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_ID_TABLE_H_
