#include "repository/tree_windows.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::repository {
namespace {

constexpr std::uint64_t kMostBefore = 128u << 10, kMostAfter = 384u << 10;
constexpr std::size_t kWindowsKept = 16;

struct Stretch {
  std::uint64_t from = 0, end = 0;
};

// Of the trees around the one at `offset`.
Stretch stretch_around(const PackDescription& pack, std::uint64_t offset) {
  Stretch stretch;
  std::uint64_t at = kPackHeaderSize;
  bool open = false;  // the last entry was a tree that belongs to the stretch
  for (const BlobEntry& entry : pack.entries) {
    const std::uint64_t end = at + entry.stored_size;
    const bool near = entry.kind != BlobKind::kPages && at + kMostBefore >= offset &&
                      (end <= offset + kMostAfter || at == offset);
    if (near && !std::exchange(open, true)) stretch.from = at;
    if (near) stretch.end = end;
    if (!near && at > offset) break;
    if (!near) open = false;
    at = end;
  }
  return stretch;
}

}  // namespace

bool TreeWindows::Window::holds(const BlobLocation& place) const {
  return pack == place.pack && place.offset >= from &&
         place.offset + place.entry.stored_size <= from + boxes.size();
}

std::shared_ptr<const TreeWindows::Window> TreeWindows::find(const BlobLocation& place) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(recent_, [&](const auto& window) { return window->holds(place); });
  if (found == recent_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found);
  return recent_.front();
}

void TreeWindows::keep(std::shared_ptr<const Window> window) {
  const std::lock_guard lock(mutex_);
  recent_.push_front(std::move(window));
  if (recent_.size() > kWindowsKept) recent_.pop_back();
}

bool TreeWindows::read(storage::Store& store, const Index& index, const BlobLocation& place,
                       MutableByteView box) {
  std::shared_ptr<const Window> window = find(place);
  if (!window) {
    const auto pack = index.pack(place.pack);
    if (!pack) return false;
    const Stretch stretch = stretch_around(*pack, place.offset);
    auto fresh =
        std::make_shared<Window>(place.pack, stretch.from, Bytes(stretch.end - stretch.from));
    if (!fresh->holds(place)) return false;
    try {
      store.get_range(pack_name(place.pack), stretch.from, fresh->boxes);
    } catch (const Error&) {
      return false;  // the place itself may still be had
    }
    window = fresh;
    keep(std::move(fresh));
  }
  const auto from =
      window->boxes.begin() + static_cast<std::ptrdiff_t>(place.offset - window->from);
  std::copy_n(from, box.size(), box.begin());
  return true;
}

}  // namespace holdfast::repository
