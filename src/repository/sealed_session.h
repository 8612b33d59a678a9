// A backup of a machine that may write and not read: a small repository of its own in a folder of
// the store, under a random key that only the repository can unseal.
//
//   sealed/<key>/<session>/key                       the random key, sealed; written first
//   sealed/<key>/<session>/packs|index|snapshots/…   as in a repository; the snapshot is last
//
// The session has the id of its snapshot. What did not change since the machine's last snapshot is
// not sent again: pages "of the base" are at the same place in the map of that snapshot. Nobody
// relies on what lies in a session before it has been taken in (adoption.h).
#ifndef HOLDFAST_REPOSITORY_SEALED_SESSION_H_
#define HOLDFAST_REPOSITORY_SEALED_SESSION_H_

#include <optional>
#include <string_view>

#include "repository/repository.h"
#include "repository/session_folder.h"
#include "repository/write_key.h"

namespace holdfast::repository {

// In a leaf of a session's map, instead of a blob: the page of the base with the same number. Its
// slots are the pages of the leaf.
inline constexpr BlobId kPagesOfBase{};

// The object `key`: "HFSK" · version (u8) · zero (3) · sealed session key (80) · proof (32) that it
// was made with the machine's secret.
Bytes serialize_session_key(const codec::SecretKey& session, const WriteKey& key,
                            const SnapshotId& id);
// Throws kDamagedObject unless it was made for this very session by who has the machine's secret.
codec::SecretKey parse_session_key(ByteView object, const codec::SealingKeys& keys,
                                   const codec::SecretKey& machine, const ObjectId& key,
                                   const SnapshotId& id);

// The machine's end.
class SealedSession {
 public:
  // Announces it: whoever forgets a snapshot from now on leaves alone what this session may go on
  // from.
  SealedSession(storage::Store& store, env::Clock& clock, const Config& config,
                const WriteKey& key);

  const SnapshotId& id() const { return id_; }
  const WriteKey& key() const { return key_; }
  // To be written to as any repository; nothing can be read in it.
  const Repository& repository() const { return *repository_; }
  // What has become of an earlier snapshot of this key.
  enum class Fate {
    kStands,   // it waits, or is in the repository: this session may go on from it
    kRefused,  // it could not be taken in
    kGone,
  };
  Fate fate_of(const SnapshotId& snapshot) const;
  // Whether everything that was sent is there. To be asked at the end: a session in which nothing
  // happened for a day is taken for dead, and removed.
  bool is_whole() const;

 private:
  storage::Store& store_;
  const WriteKey key_;
  const SnapshotId id_;
  mutable SendingFolder folder_;
  std::optional<Repository> repository_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SEALED_SESSION_H_
