#include "sqlite/salvage/page_census.h"

#include <algorithm>
#include <utility>

namespace holdfast::sqlite {
namespace {

constexpr PageNumber kMapEntry = 5;

}  // namespace

PageCensus::PageCensus(const DamagedImage& image, Progress& progress)
    : image_(image),
      types_(image.page_count() + std::size_t{1}),
      owners_(types_.size()),
      newest_owner_(types_.size()),
      free_(types_.size()),
      leaf_parents_(types_.size()),
      buffer_(image.layout().page_size) {
  constexpr PageNumber kStep = 1024;
  progress.stage("Looking at every page", std::uint64_t{image.page_count()} * buffer_.size());
  for (PageNumber page = 1; page <= image.page_count(); ++page) {
    if (page % kStep == 0) progress.advance(kStep * buffer_.size());
    if (!image.has_content(page)) continue;
    image.read(page, buffer_);
    types_[page] = DamagedPage(page, buffer_, image.layout().usable()).type();
  }
}

bool PageCensus::may_be_below(PageNumber page, bool is_table) const {
  return image_.has_content(page) && types_[page] != BtreePageType::kNone &&
         is_of_table(types_[page]) == is_table;
}

std::optional<std::vector<PageCensus::Visit>> PageCensus::children_of(const Visit& visit) const {
  image_.read(visit.page, buffer_);
  const DamagedPage page(visit.page, buffer_, image_.layout().usable());
  std::vector<Visit> children;
  bool any = false, gap = false;
  std::int64_t first = visit.first;
  const auto add = [&](PageNumber child, std::int64_t last) {
    any = any || may_be_below(child, is_of_table(page.type()));
    if (!image_.has_content(child)) child = 0;
    children.push_back({.page = child, .parent = visit.page, .first = first, .last = last});
  };
  for (std::size_t i = 0; i < page.cells(); ++i) {
    const auto cell = page.cell(i);
    if (!cell) {
      gap = true;
      continue;
    }
    const std::int64_t last = cell->has_key ? cell->key : visit.last;
    // The child of a cell that cannot be read may be anything up to here.
    if (std::exchange(gap, false)) add(0, last);
    add(cell->child, last);
    if (cell->has_key && last != std::numeric_limits<std::int64_t>::max()) first = last + 1;
  }
  if (gap) add(0, visit.last);
  add(page.right_child(), visit.last);
  if (!any) return std::nullopt;
  return children;
}

SurvivingTree PageCensus::walk(std::int64_t root, bool is_table) {
  SurvivingTree tree;
  tree.root = static_cast<PageNumber>(root);
  tree.is_table = is_table;
  if (root < 1 || root > image_.page_count()) {
    tree.root = 0;
    tree.lost.push_back({});
    return tree;
  }
  std::vector<Visit> pending{{.page = tree.root,
                              .parent = 0,
                              .first = std::numeric_limits<std::int64_t>::min(),
                              .last = std::numeric_limits<std::int64_t>::max()}};
  const std::uint32_t own = ++trees_;
  while (!pending.empty()) {
    const Visit visit = pending.back();
    pending.pop_back();
    const bool fits = may_be_below(visit.page, is_table) && owners_[visit.page] < kMostOwners &&
                      newest_owner_[visit.page] != own;
    const BtreePageType type = types_[visit.page];
    if (fits && !is_interior(type)) {
      leaf_parents_[visit.parent] = true;
    }
    auto children = fits && is_interior(type) ? children_of(visit) : std::nullopt;
    if (!fits || (is_interior(type) && !children)) {
      tree.lost.push_back(
          {.page = visit.page, .parent = visit.parent, .first = visit.first, .last = visit.last});
      continue;
    }
    ++owners_[visit.page];
    newest_owner_[visit.page] = own;
    if (type != BtreePageType::kTableInterior) tree.pages.push_back(visit.page);
    if (children) pending.insert(pending.end(), children->rbegin(), children->rend());
  }
  for (LostPage& lost : tree.lost) lost.was_leaf = lost.parent != 0 && leaf_parents_[lost.parent];
  return tree;
}

PageNumber PageCensus::pointer_map_of(PageNumber page) const {
  if (page < 2) return 0;
  const PageNumber stride = image_.layout().usable() / kMapEntry + 1;
  PageNumber map = (page - 2) / stride * stride + 2;
  if (map <= image_.page_count() && !image_.has_content(map)) ++map;
  return map;
}

void PageCensus::claim_pointer_maps() {
  if (!image_.layout().auto_vacuum) return;
  for (PageNumber page = 2; page <= image_.page_count(); ++page) {
    if (pointer_map_of(page) == page) claim(page);
  }
}

PageCensus::Pointer PageCensus::pointer_to(PageNumber page) const {
  if (!image_.layout().auto_vacuum) return {};
  const PageNumber map = pointer_map_of(page);
  if (map == 0 || map >= page || !image_.has_content(map)) return {};
  image_.read(map, buffer_);
  const std::size_t at = std::size_t{page - map - 1} * kMapEntry;
  if (at + kMapEntry > image_.layout().usable()) return {};
  const PageNumber parent = load_be32(buffer_.data() + at + 1);
  switch (std::to_integer<unsigned>(buffer_[at])) {
    case 1:
      return {Pointer::Kind::kRoot, parent};
    case 2:
      return {Pointer::Kind::kFree, parent};
    case 3:
    case 4:
      return {Pointer::Kind::kOverflow, parent};
    case 5:
      return {Pointer::Kind::kChild, parent};
    default:
      return {};
  }
}

bool PageCensus::claim_free_pages() {
  const ImageLayout& layout = image_.layout();
  if (!layout.from_header) return false;
  std::uint64_t found = 0;
  const auto take = [&](PageNumber page) {
    if (!image_.has_content(page) || is_claimed(page)) return false;
    claim(page);
    free_[page] = true;
    ++found;
    return true;
  };
  for (PageNumber trunk = layout.first_freelist_trunk; trunk != 0;) {
    if (!image_.has_content(trunk) || is_claimed(trunk)) return false;
    image_.read(trunk, buffer_);
    const std::uint64_t leaves = load_be32(buffer_.data() + 4);
    if (leaves > layout.usable() / 4 - 2) return false;
    take(trunk);
    for (std::size_t i = 0; i < leaves; ++i) take(load_be32(buffer_.data() + 8 + 4 * i));
    trunk = load_be32(buffer_.data());
  }
  return found == layout.freelist_pages;
}

bool PageCensus::may_be_taken(PageNumber page, bool free) const {
  if (types_[page] == BtreePageType::kNone) return false;
  return free ? free_[page] : !is_claimed(page);
}

std::vector<SurvivingTree> PageCensus::take_orphans(bool free) {
  std::vector<bool> has_parent(types_.size());
  for (PageNumber page = 1; page <= image_.page_count(); ++page) {
    if (free && free_[page]) owners_[page] = 0;
    if (!may_be_taken(page, free)) continue;
    if (!is_interior(types_[page])) continue;
    const auto children = children_of({.page = page, .parent = 0, .first = 0, .last = 0});
    if (!children) continue;
    for (const Visit& child : *children) {
      if (child.page != page) has_parent[child.page] = true;
    }
  }
  std::vector<SurvivingTree> trees;
  // The second time: what leads to itself in a circle.
  for (const bool circles : {false, true}) {
    for (PageNumber page = 1; page <= image_.page_count(); ++page) {
      if (is_claimed(page) || !may_be_taken(page, free) || has_parent[page] != circles) continue;
      SurvivingTree tree = walk(page, is_of_table(types_[page]));
      if (!tree.pages.empty()) trees.push_back(std::move(tree));
    }
  }
  return trees;
}

}  // namespace holdfast::sqlite
