// What a backup compares with: an earlier snapshot of the same database, its page digests, and
// which of its pages the repository can still give back.
#ifndef HOLDFAST_ENGINE_BACKUP_BASE_STATE_H_
#define HOLDFAST_ENGINE_BACKUP_BASE_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/progress.h"
#include "engine/backup/digest_table.h"
#include "engine/backup/page_set.h"
#include "repository/blob_reader.h"
#include "repository/page_map.h"
#include "repository/snapshot.h"
#include "repository/writer.h"

namespace holdfast::engine {

// A blob that the snapshot needs and no pack holds any more; its pages, by slot.
struct LostBlob {
  BlobId id;
  std::vector<std::uint32_t> pages;  // pages[slot]; 0 where this snapshot does not use the slot
};

// Leaves of the page map that cannot be had. Their pages are as those of a database that was never
// backed up.
struct UnreadableLeaves {
  std::uint64_t count = 0;
  std::string first;  // why, for the first of them
};

struct BaseState {
  repository::DatabaseState state;
  std::optional<DigestTable> digests;  // empty where none could be had: nothing is backed then
  std::vector<std::optional<BlobId>> leaves;           // of its page map; empty where lost
  PageSet backed;                                      // pages whose content is in the repository
  std::unordered_map<PackId, std::uint64_t> pages_in;  // how many of them each pack holds
  std::vector<LostBlob> lost;
  UnreadableLeaves unreadable;
  std::vector<BlobId> damaged;  // nodes and leaves of the map that are there and cannot be read
  // In a sealed session: the snapshot whose pages are not sent again. Of its map nothing is known.
  std::optional<SnapshotId> sent_in;
};

struct BaseSearch {
  std::string_view database;   // its name
  env::Path table;             // where its digest table is
  bool in_own_series = false;  // BackupRequest::in_own_series
  unsigned threads = 1;
};

// The snapshot that the local digest table belongs to, else the newest of this database, whose
// table is then made from the repository. Empty when there is none. What the repository has lost,
// and what its disk cannot read, only makes `backed` smaller; a store that answers nothing at all
// is an error.
std::optional<BaseState> find_base(const repository::Repository& repository, env::FileSystem& files,
                                   const repository::BlobReader& reader, const BaseSearch& search,
                                   Progress& progress);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_BASE_STATE_H_
