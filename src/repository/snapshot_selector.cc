#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "repository/snapshot.h"

namespace holdfast::repository {
namespace {

constexpr std::size_t kLeastPrefix = 4, kMostNamed = 5;
using Matches = std::vector<const Snapshot*>;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string described(const Snapshot& snapshot) {
  return fmt::format("{} \"{}\" of {}", snapshot.id.short_hex(), snapshot.name,
                     format_local(snapshot.time));
}

std::string described(const Matches& candidates) {
  std::vector<std::string> texts;
  for (const Snapshot* snapshot : candidates) {
    if (texts.size() == kMostNamed) {
      texts.push_back(fmt::format("{} more", candidates.size() - kMostNamed));
      break;
    }
    texts.push_back(described(*snapshot));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

// Levenshtein's distance, by rows.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

bool resembles(const Snapshot& snapshot, std::string_view wanted) {
  const std::string name = lower_case(snapshot.name), text = lower_case(wanted);
  if (text.size() >= 3 && name.find(text) != std::string::npos) return true;
  if (distance(name, text) <= std::max<std::size_t>(1, text.size() / 4)) return true;
  const std::string id = snapshot.id.hex();
  if (text.size() < 3 || text.size() > id.size()) return false;
  return distance(std::string_view(id).substr(0, text.size()), text) <= 1;
}

Matches of_database(std::span<const Snapshot> snapshots, std::string_view database) {
  Matches candidates;
  for (const Snapshot& snapshot : snapshots) {
    if (database.empty() || snapshot.database(database) != nullptr) {
      candidates.push_back(&snapshot);
    }
  }
  return candidates;
}

// By whole name first, then by the beginning of the id.
Matches matching(const Matches& all, std::string_view text) {
  Matches found;
  for (const Snapshot* snapshot : all) {
    if (snapshot->name == text) found.push_back(snapshot);
  }
  if (!found.empty() || text.size() < kLeastPrefix) return found;
  const std::string prefix = lower_case(text);
  for (const Snapshot* snapshot : all) {
    if (snapshot->id.hex().starts_with(prefix)) found.push_back(snapshot);
  }
  return found;
}

Error missing(const std::string& happened) { return Error(ErrorCode::kSnapshotMissing, happened); }

[[noreturn]] void refuse_unmatched(std::span<const Snapshot> snapshots, const Matches& all,
                                   const Selector& selector) {
  const Matches elsewhere = matching(of_database(snapshots, {}), selector.text);
  if (!elsewhere.empty()) {
    throw missing(fmt::format("{} does not hold the database \"{}\"", described(elsewhere),
                              selector.database));
  }
  std::string happened = fmt::format("no snapshot matches \"{}\"", selector.text);
  Matches near;
  std::ranges::copy_if(all, std::back_inserter(near),
                       [&](const Snapshot* s) { return resembles(*s, selector.text); });
  if (!near.empty()) {
    happened += fmt::format("; did you mean {}?", described(near));
  } else if (selector.text.size() < kLeastPrefix) {
    happened += fmt::format("; an id needs at least {} digits", kLeastPrefix);
  }
  throw missing(happened);
}

}  // namespace

const Snapshot& select(std::span<const Snapshot> newest_first, const Selector& selector) {
  const Matches all = of_database(newest_first, selector.database);
  const std::string holding =
      selector.database.empty() ? std::string()
                                : fmt::format(" that hold the database \"{}\"", selector.database);
  if (all.empty()) throw missing(fmt::format("there are no snapshots{}", holding));
  if (selector.index) {
    if (*selector.index < 1 || *selector.index > all.size()) {
      throw missing(
          fmt::format("there is no snapshot number {}: there are {}{}, 1 being the newest",
                      *selector.index, all.size(), holding));
    }
    return *all[*selector.index - 1];
  }
  if (selector.text == "latest") return *all.front();
  const Matches found = matching(all, selector.text);
  if (found.empty()) refuse_unmatched(newest_first, all, selector);
  if (found.size() > 1) {
    throw Error(ErrorCode::kSnapshotAmbiguous,
                fmt::format("{} snapshots match \"{}\": {}", found.size(), selector.text,
                            described(found)));
  }
  return *found.front();
}

}  // namespace holdfast::repository
