// What the repository knows of one database: the states that could be put in its place.
#ifndef HOLDFAST_ENGINE_GUARD_HISTORY_H_
#define HOLDFAST_ENGINE_GUARD_HISTORY_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/guard/guard.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "repository/timeline.h"

namespace holdfast::engine {

// By one thread. Reads names at first, and snapshots only where it is asked about them.
class History {
 public:
  // Throws what the store throws.
  History(const repository::Repository& repository, std::string database);

  bool empty();
  const repository::Timeline& timeline() const { return timeline_; }
  // Time and checksum (as many digits as the names have) of the newest state.
  struct Newest {
    Time time{};
    std::string check;
    std::string sentence;
  };
  std::optional<Newest> newest();
  // A state that has this checksum, the newest of several.
  std::optional<Newest> find(std::string_view checksum);
  // The newest position of the main line, then its anchors and the other snapshots, newest first;
  // only intact ones. Not the ones that a restore put away.
  std::vector<Candidate> candidates();
  // The database as the candidate's snapshot has it; empty if that is gone.
  const repository::DatabaseState* state_of(const Candidate& candidate);

 private:
  // Undamaged, newest first, without what a restore put away.
  const std::vector<repository::Snapshot>& snapshots();
  std::vector<Candidate> line_candidates() const;

  const repository::Repository& repository_;
  const std::string database_;
  repository::Timeline timeline_;
  std::optional<repository::StatePath> newest_path_;
  std::optional<std::vector<repository::Snapshot>> snapshots_;
  std::map<SnapshotId, std::optional<repository::Snapshot>> read_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_HISTORY_H_
