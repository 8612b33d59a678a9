#include "sqlite/tree_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "sqlite/btree_format.h"
#include "sqlite/file_header.h"
#include "sqlite/record.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kDeepest = 20;  // as SQLite has it
constexpr RowidRange kEverything{};

struct Leaf {
  PageNumber page = 0;
  RowidRange rows;  // as the interior pages have it; everything, in an index
};

// The leaves of a tree from left to right. All of them are equally deep.
class Leaves {
 public:
  explicit Leaves(const Tree& tree) : tree_(tree), geometry_(tree.source.geometry()) {
    check(tree.root);
    find_depth();
    if (depth_ > 0) enter(tree.root, kEverything.last);
  }

  std::optional<Leaf> next() {
    if (depth_ == 0) return single();
    while (!stack_.empty()) {
      Level& level = stack_.back();
      if (level.next > level.cells) {
        stack_.pop_back();
        continue;
      }
      const auto [child, last] = child_of(level, level.next++);
      check(child);
      if (stack_.size() == depth_) return leaf(child, last);
      enter(child, last);
    }
    return std::nullopt;
  }
  // What was read on the way to the last leaf.
  bool path_differs(const PageDifference& pages) const {
    return std::ranges::any_of(stack_,
                               [&](const Level& level) { return pages.differs(level.page); });
  }

 private:
  struct Level {
    PageNumber page = 0;
    Bytes content;
    std::size_t start = 0, cells = 0, next = 0;
    std::int64_t last = 0;  // of its rows
  };
  struct Child {
    PageNumber page = 0;
    std::int64_t last = 0;
  };

  [[noreturn]] void refuse(PageNumber page) const {
    throw Error(ErrorCode::kDatabaseDamaged,
                fmt::format("page {} is not what the b-tree at page {} needs", page, tree_.root));
  }
  void check(PageNumber page) const {
    if (page == 0 || page > geometry_.page_count) refuse(page);
  }
  static bool is_interior(std::byte type) {
    return type == kTableInterior || type == kIndexInterior;
  }

  Level read(PageNumber page) const {
    Level level{.page = page, .content = Bytes(geometry_.page_size)};
    level.start = page == 1 ? kFileHeaderSize : 0;
    tree_.source.read(page, level.content);
    level.cells = load_be16(level.content.data() + level.start + 3);
    return level;
  }
  void find_depth() {
    PageNumber page = tree_.root;
    for (Level level = read(page); is_interior(level.content[level.start]); level = read(page)) {
      if (++depth_ > kDeepest) refuse(page);
      page = child_of(level, 0).page;
      check(page);
    }
  }
  void enter(PageNumber page, std::int64_t last) {
    stack_.push_back(read(page));
    Level& level = stack_.back();
    level.last = last;
    if (!is_interior(level.content[level.start])) refuse(page);
  }
  Child child_of(const Level& level, std::size_t index) const {
    const ByteView content(level.content);
    const std::size_t header = level.start;
    if (header + kInteriorHeaderSize + 2 * level.cells > content.size()) refuse(level.page);
    if (index == level.cells) return {load_be32(content.data() + header + 8), level.last};
    const std::size_t cell = load_be16(content.data() + header + kInteriorHeaderSize + 2 * index);
    if (cell + 5 > content.size()) refuse(level.page);
    const PageNumber page = load_be32(content.data() + cell);
    if (content[header] == kIndexInterior) return {page, level.last};
    return {page, static_cast<std::int64_t>(RecordReader(content.subspan(cell + 4)).varint())};
  }

  std::optional<Leaf> leaf(PageNumber page, std::int64_t last) {
    // Whatever a damaged tree says, there are no more leaves than pages, and they are in order.
    if (++seen_ > geometry_.page_count || last < last_) refuse(page);
    const Leaf leaf{.page = page, .rows = {.first = first_, .last = last}};
    last_ = last;
    first_ = last == kEverything.last ? last : last + 1;
    return leaf;
  }
  std::optional<Leaf> single() {
    if (seen_++ > 0) return std::nullopt;
    return Leaf{.page = tree_.root, .rows = kEverything};
  }

  const Tree tree_;
  const Geometry geometry_;
  std::size_t depth_ = 0;  // interior pages above each leaf
  std::vector<Level> stack_;
  std::uint64_t seen_ = 0;
  std::int64_t first_ = kEverything.first, last_ = kEverything.first;
};

// Joins ranges that touch each other.
class Ranges {
 public:
  explicit Ranges(const std::function<void(const RowidRange&)>& visit) : visit_(visit) {}

  void add(RowidRange range) {
    if (done_) range.first = std::max(range.first, *done_);
    if (range.first > range.last) return;
    const bool touches =
        pending_ && (pending_->last == kEverything.last || range.first <= pending_->last + 1);
    if (!touches) {
      flush();
      pending_ = range;
      return;
    }
    pending_->first = std::min(pending_->first, range.first);
    pending_->last = std::max(pending_->last, range.last);
  }
  void flush() {
    if (!pending_) return;
    visit_(*pending_);
    if (pending_->last != kEverything.last) done_ = pending_->last + 1;
    pending_.reset();
  }

 private:
  const std::function<void(const RowidRange&)>& visit_;
  std::optional<RowidRange> pending_;
  std::optional<std::int64_t> done_;  // everything before it
};

}  // namespace

// A leaf that is the same on both sides has the same rows, and no other leaf has any of them. Keys
// put the leaves that both trees have in the same order, so that they meet.
void visit_different_ranges(const Tree& before, const Tree& after, const PageDifference& pages,
                            const std::function<void(const RowidRange&)>& visit) {
  Leaves left(before), right(after);
  Ranges ranges(visit);
  std::optional<Leaf> a = left.next(), b = right.next();
  while (a || b) {
    if (a && b && a->page == b->page && !pages.differs(a->page)) {
      a = left.next();
      b = right.next();
    } else if (!b || (a && a->rows.last <= b->rows.last)) {
      ranges.add(a->rows);
      a = left.next();
    } else {
      ranges.add(b->rows);
      b = right.next();
    }
  }
  ranges.flush();
}

bool is_same_tree(const Tree& before, const Tree& after, const PageDifference& pages) {
  if (before.root != after.root) return false;
  Leaves leaves(before);
  while (const auto leaf = leaves.next()) {
    if (pages.differs(leaf->page) || leaves.path_differs(pages)) return false;
  }
  return true;
}

}  // namespace holdfast::sqlite
