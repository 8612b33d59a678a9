#include "env/unsynced_names.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>

namespace holdfast::env {
namespace {

ino_t inode_at(const Path& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 ? found.st_ino : 0;
}

bool move(const Path& from, const Path& to) { return ::rename(from.c_str(), to.c_str()) == 0; }

bool same_or_above(const Path& upper, const Path& lower) {
  const std::string &above = upper.native(), &below = lower.native();
  return !above.empty() && below.starts_with(above) &&
         (below.size() == above.size() || below[above.size()] == '/');
}

bool related(const Path& a, const Path& b) { return same_or_above(a, b) || same_or_above(b, a); }

}  // namespace

UnsyncedNames::~UnsyncedNames() {
  std::error_code error;
  if (graves_ > 0) std::filesystem::remove_all(graveyard_, error);
}

Path UnsyncedNames::new_grave() {
  if (graves_ == 0) std::filesystem::create_directories(graveyard_);
  return graveyard_ / std::to_string(++graves_);
}

void UnsyncedNames::appeared(const Path& path) {
  changes_.push_back({.from = {}, .to = path, .grave = {}, .inode = inode_at(path)});
}

void UnsyncedNames::disappeared(const Path& path, const Path& grave) {
  changes_.push_back({.from = path, .to = {}, .grave = grave, .inode = inode_at(grave)});
}

void UnsyncedNames::renamed(const Path& from, const Path& to, const Path& grave) {
  changes_.push_back({.from = from, .to = to, .grave = grave, .inode = inode_at(to)});
}

void UnsyncedNames::synced(const Path& directory) {
  std::set<Path> durable;
  std::vector<Change> kept;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    const Path& settled = change->to.empty() ? change->from : change->to;
    if (settled.parent_path() != directory && !durable.contains(change->from) &&
        !durable.contains(change->to)) {
      kept.push_back(std::move(*change));
      continue;
    }
    // What a durable change was made from is durable with it.
    if (!change->from.empty()) durable.insert(change->from);
    if (!change->to.empty()) durable.insert(change->to);
    std::error_code error;
    if (!change->grave.empty()) std::filesystem::remove_all(change->grave, error);
  }
  std::reverse(kept.begin(), kept.end());
  changes_ = std::move(kept);
}

void UnsyncedNames::lose(Survival survival, std::mt19937_64& random) {
  const std::vector<bool> kept = choose(survival, random);
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) undo(*change);
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    if (kept[i] && changes_[i].undone) redo(changes_[i]);
  }
  changes_.clear();
  std::error_code error;
  if (graves_ > 0) std::filesystem::remove_all(graveyard_, error);
  graves_ = 0;
}

bool UnsyncedNames::depends(const Change& later, const Change& earlier) {
  return related(later.from, earlier.from) || related(later.from, earlier.to) ||
         related(later.to, earlier.from) || related(later.to, earlier.to);
}

std::vector<bool> UnsyncedNames::choose(Survival survival, std::mt19937_64& random) const {
  std::vector<bool> kept(changes_.size(), survival == Survival::kEverything);
  if (survival == Survival::kPrefix) {
    std::fill_n(kept.begin(), random() % (changes_.size() + 1), true);
  }
  if (survival != Survival::kRandom) return kept;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    kept[i] = random() % 2 == 0;
    for (std::size_t j = 0; kept[i] && j < i; ++j) {
      if (!kept[j] && depends(changes_[i], changes_[j])) kept[i] = false;
    }
  }
  return kept;
}

// Where somebody else has changed the name meanwhile, it stays as found.
void UnsyncedNames::undo(Change& change) {
  if (change.to.empty()) {
    change.undone = inode_at(change.from) == 0 && move(change.grave, change.from);
  } else if (inode_at(change.to) == change.inode) {
    if (change.from.empty()) {
      change.grave = new_grave();
      change.undone = move(change.to, change.grave);
    } else {
      change.undone = move(change.to, change.from);
      if (change.undone && !change.grave.empty()) move(change.grave, change.to);
    }
  }
}

void UnsyncedNames::redo(const Change& change) {
  if (change.to.empty()) {
    move(change.from, change.grave);
  } else if (change.from.empty()) {
    move(change.grave, change.to);
  } else {
    if (!change.grave.empty()) move(change.to, change.grave);
    move(change.from, change.to);
  }
}

}  // namespace holdfast::env
