#include "repository/unproved.h"

#include <fmt/format.h>

#include <map>
#include <span>

#include "base/error.h"
#include "repository/intent.h"
#include "repository/reachable.h"

namespace holdfast::repository {
namespace {

bool is_whole(const BlobReader& reader, const Snapshot& snapshot) {
  const Reachable reachable = find_reachable(reader, std::span(&snapshot, 1), no_progress());
  return reachable.missing == 0 && reachable.unreadable_maps.empty();
}

}  // namespace

void withdraw_unproved(const BlobReader& reader, std::vector<Snapshot>& snapshots,
                       Progress& progress) {
  const Repository& repository = reader.repository();
  const std::map<ObjectId, Time> broken = broken_intents(repository);
  if (broken.empty()) return;
  std::erase_if(snapshots, [&](const Snapshot& snapshot) {
    const auto marker = broken.find(snapshot.writer);
    if (marker == broken.end()) return false;
    // Whoever was taken for dead later had proved it before.
    const auto status = repository.store().stat(object_name(repository, snapshot));
    if (!status || marker->second > status->modified || is_whole(reader, snapshot)) return false;
    progress.notice(
        fmt::format("snapshot {} was left unfinished by a writer that died, and is withdrawn",
                    snapshot.id.short_hex()));
    remove_snapshot(repository, snapshot);
    return true;
  });
}

}  // namespace holdfast::repository
