#include "sqlite/salvage/orphan_match.h"

#include <algorithm>

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kMostCandidates = 64;

bool lost_what_leads_on(const SurvivingTree& tree) {
  return std::ranges::any_of(tree.lost, [](const LostPage& lost) { return !lost.was_leaf; });
}

}  // namespace

OrphanMatch::OrphanMatch(const PageCensus& census, RowReader& reader,
                         const std::vector<DamagedTree>& trees, bool all_is_known)
    : census_(census), reader_(reader), trees_(trees), all_is_known_(all_is_known) {
  for (std::size_t i = 0; i < trees.size(); ++i) {
    for (const LostPage& lost : trees[i].tree->lost) {
      if (lost.page != 0) lost_.emplace(lost.page, i);
    }
    if (lost_what_leads_on(*trees[i].tree)) candidates_.push_back(i);
  }
  // Each of them may have to be compared with each orphan.
  if (candidates_.size() > kMostCandidates) all_is_known_ = false;
}

bool OrphanMatch::is_free(const SurvivingTree& orphan) const {
  return census_.pointer_to(orphan.root).kind == PageCensus::Pointer::Kind::kFree;
}

std::optional<OrphanMatch::Content> OrphanMatch::content_of(const SurvivingTree& orphan,
                                                            const StoredShape& shape) {
  Content content;
  bool all_fit = true;
  for (const PageNumber page : orphan.pages) {
    reader_.look(page, [&](const StoredRow& row) {
      all_fit = all_fit && fits(row, shape);
      if (!row.rowid) return;
      content.first = content.any ? std::min(content.first, *row.rowid) : *row.rowid;
      content.last = content.any ? std::max(content.last, *row.rowid) : *row.rowid;
      content.any = true;
    });
    if (!all_fit) return std::nullopt;
  }
  return content;
}

bool OrphanMatch::may_own(const DamagedTree& candidate, const SurvivingTree& orphan) {
  if (candidate.tree->is_table != orphan.is_table) return false;
  // What an index holds is not known well enough to rule it out.
  if (candidate.shape == nullptr) return true;
  const auto content = content_of(orphan, *candidate.shape);
  if (!content || !content->any) return content.has_value();
  return std::ranges::any_of(candidate.tree->lost, [&](const LostPage& lost) {
    return !lost.was_leaf && lost.first <= content->first && content->last <= lost.last;
  });
}

std::optional<std::size_t> OrphanMatch::owner_of(const SurvivingTree& orphan) {
  const PageCensus::Pointer pointer = census_.pointer_to(orphan.root);
  if (pointer.kind == PageCensus::Pointer::Kind::kChild) {
    const auto found = lost_.find(pointer.parent);
    if (found == lost_.end()) return std::nullopt;
    const DamagedTree& owner = trees_[found->second];
    if (owner.shape == nullptr || owner.tree->is_table != orphan.is_table) return std::nullopt;
    return content_of(orphan, *owner.shape) ? std::optional(found->second) : std::nullopt;
  }
  if (!all_is_known_ || pointer.kind != PageCensus::Pointer::Kind::kNone) return std::nullopt;
  std::optional<std::size_t> owner;
  for (const std::size_t i : candidates_) {
    if (!may_own(trees_[i], orphan)) continue;
    if (owner || trees_[i].shape == nullptr) return std::nullopt;
    owner = i;
  }
  return owner;
}

}  // namespace holdfast::sqlite
