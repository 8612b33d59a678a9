#include "sqlite/btree_walk.h"

#include <fmt/format.h>

#include "sqlite/btree_format.h"
#include "sqlite/file_header.h"

namespace holdfast::sqlite {
namespace {

std::size_t header_offset(PageNumber page) { return page == 1 ? kFileHeaderSize : 0; }

}  // namespace

BtreeWalk::BtreeWalk(PageSource& source, const std::vector<PageFacts>& facts,
                     std::vector<std::string>& problems)
    : source_(source),
      facts_(facts),
      problems_(problems),
      geometry_(source.geometry()),
      met_(geometry_.page_count + std::size_t{1}),
      buffer_(geometry_.page_size) {
  geometry_.page_count =
      static_cast<PageNumber>(std::min<std::size_t>(geometry_.page_count, facts.size()));
}

std::optional<std::uint64_t> BtreeWalk::entries_below(std::int64_t root, std::string_view owner,
                                                      std::vector<PageNumber>* leaves) {
  if (!meet(root, owner)) return std::nullopt;
  const auto root_page = static_cast<PageNumber>(root);
  Tree tree{.owner = owner, .leaves = leaves, .is_table = is_table_page(root_page)};
  std::vector<PageNumber> pending{root_page};
  while (!pending.empty()) {
    const PageNumber page = pending.back();
    pending.pop_back();
    visit(tree, page, pending);
  }
  return tree.intact ? std::optional(tree.entries) : std::nullopt;
}

bool BtreeWalk::is_table_page(PageNumber page) {
  if (facts_[page - 1].kind() != PageKind::kInterior) {
    return facts_[page - 1].kind() == PageKind::kTableLeaf;
  }
  source_.read(page, buffer_);
  return buffer_[header_offset(page)] == kTableInterior;
}

void BtreeWalk::visit(Tree& tree, PageNumber page, std::vector<PageNumber>& pending) {
  const PageFacts facts = facts_[page - 1];
  const PageKind leaf = tree.is_table ? PageKind::kTableLeaf : PageKind::kIndexLeaf;
  if (facts.kind() == leaf) {
    tree.entries += facts.cells();
    if (tree.leaves != nullptr) tree.leaves->push_back(page);
  } else if (facts.kind() == PageKind::kInterior) {
    visit_interior(tree, page, pending);
  } else {
    tree.intact = false;
    report(fmt::format("{}: page {} is not a page of it", tree.owner, page));
  }
}

void BtreeWalk::visit_interior(Tree& tree, PageNumber page, std::vector<PageNumber>& pending) {
  source_.read(page, buffer_);
  const std::byte* header = buffer_.data() + header_offset(page);
  const std::size_t cells = load_be16(header + 3);
  const std::size_t pointers_end = header_offset(page) + kInteriorHeaderSize + 2 * cells;
  if (*header != (tree.is_table ? kTableInterior : kIndexInterior) ||
      pointers_end > buffer_.size()) {
    tree.intact = false;
    report(fmt::format("{}: page {} is not a page of it", tree.owner, page));
    return;
  }
  // Every key of an index stands once; a table's interior pages only repeat keys of its leaves.
  if (!tree.is_table) tree.entries += cells;
  const auto descend = [&](PageNumber child) {
    if (meet(child, tree.owner)) {
      pending.push_back(child);
    } else {
      tree.intact = false;
    }
  };
  descend(load_be32(header + 8));
  for (std::size_t i = 0; i < cells; ++i) {
    const std::size_t cell = load_be16(header + kInteriorHeaderSize + 2 * i);
    if (cell < pointers_end || cell + 4 > buffer_.size()) {
      tree.intact = false;
      report(fmt::format("{}: cell {} of page {} lies outside of the page", tree.owner, i, page));
      return;
    }
    descend(load_be32(buffer_.data() + cell));
  }
}

void BtreeWalk::check_freelist() {
  constexpr std::string_view kOwner = "the list of free pages";
  source_.read(1, buffer_);
  const FileHeader header = FileHeader::parse(buffer_);
  std::uint64_t found = 0;
  for (PageNumber trunk = header.first_freelist_trunk; trunk != 0;) {
    if (!meet(trunk, kOwner)) return;
    source_.read(trunk, buffer_);
    const std::uint64_t leaves = load_be32(buffer_.data() + 4);
    if (leaves > buffer_.size() / 4 - 2) {
      report(fmt::format("{}: page {} names too many pages", kOwner, trunk));
      return;
    }
    for (std::size_t i = 0; i < leaves; ++i) meet(load_be32(buffer_.data() + 8 + 4 * i), kOwner);
    found += 1 + leaves;
    trunk = load_be32(buffer_.data());
  }
  if (found != header.freelist_pages) {
    report(
        fmt::format("{} has {} pages, but should have {}", kOwner, found, header.freelist_pages));
  }
}

bool BtreeWalk::meet(std::int64_t page, std::string_view owner) {
  if (page < 1 || page > geometry_.page_count) {
    report(fmt::format("{}: page {} does not exist", owner, page));
    return false;
  }
  if (met_[static_cast<std::size_t>(page)]) {
    report(fmt::format("{}: page {} is in use twice", owner, page));
    return false;
  }
  met_[static_cast<std::size_t>(page)] = true;
  return true;
}

void BtreeWalk::report(std::string problem) {
  if (problems_.size() < kMostProblems) problems_.push_back(std::move(problem));
}

}  // namespace holdfast::sqlite
