// What a backup in a sealed session compares with: the machine's last snapshot, of which it has
// nothing but the digests in its own cache.
#ifndef HOLDFAST_ENGINE_BACKUP_SENT_BASE_H_
#define HOLDFAST_ENGINE_BACKUP_SENT_BASE_H_

#include <optional>
#include <string_view>

#include "base/progress.h"
#include "engine/backup/base_state.h"
#include "engine/backup/placement.h"
#include "repository/sealed_session.h"

namespace holdfast::engine {

// Empty unless the digest table at `table` is whole and its snapshot still stands: then everything
// is sent.
std::optional<BaseState> find_sent_base(const repository::SealedSession& session,
                                        env::FileSystem& files, const env::Path& table,
                                        std::string_view database, Progress& progress);

// What a snapshot of `page_count` pages with these placements goes on from. Throws kDamagedObject
// if the digests cannot be read any more.
repository::SealedBase goes_on_from(const BaseState& base, const codec::ChecksumKey& key,
                                    const Placements& placements, std::uint64_t page_count);

// The snapshot as one of this session and its machine.
void put_into(const repository::SealedSession& session, repository::Snapshot& snapshot);
// Throws kIntentLost unless the session is whole, and what its snapshot goes on from still stands:
// a machine that slept for a day was taken for dead.
void expect_standing(const repository::SealedSession& session,
                     const repository::Snapshot& snapshot);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_SENT_BASE_H_
