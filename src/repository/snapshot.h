// Snapshots: the commit of a backup. The objects `snapshots/<series>/<id>`, JSON in a document
// envelope.
#ifndef HOLDFAST_REPOSITORY_SNAPSHOT_H_
#define HOLDFAST_REPOSITORY_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "codec/page_digest.h"
#include "repository/repository.h"

namespace holdfast::repository {

struct TableCount {
  std::string name;
  std::optional<std::uint64_t> rows;
};

// What a database in a sealed session goes on from: see sealed_session.h.
struct SealedBase {
  SnapshotId snapshot;
  // The terms that the pages of that state add to its checksum which this state has not as they
  // were: so that sum and pages of this one follow from those of that one.
  codec::PageDigest replaced;
  bool operator==(const SealedBase&) const = default;
};

// One database within a snapshot.
struct DatabaseState {
  std::string name;
  std::string engine = "sqlite";
  std::string source;  // the path it was read from, on `host`
  Time moment{};       // when its state was fixed
  std::uint32_t page_size = 0;
  std::uint64_t page_count = 0;
  std::string journal_mode;  // "wal" or "rollback"
  BlobId map;                // root of its page map
  int map_height = 0;        // 0: the root is a leaf
  std::string checksum;      // codec::DatabaseChecksum::finish
  std::string damage;  // why this state cannot be trusted; empty if nothing is known against it
  std::vector<TableCount> tables;
  bool tables_counted = false;
  std::uint64_t indexes = 0, views = 0, triggers = 0;
  std::uint64_t pages_changed = 0;  // stored anew by this snapshot
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_stored = 0;  // added to the repository for this database
  std::optional<SealedBase> base;  // only in a sealed session that does not hold all pages
  // Only of a snapshot that came in a sealed session: the sum that its machine's checksum was
  // finished from.
  std::optional<codec::PageDigest> machine_sum;

  std::uint64_t bytes() const { return page_size * page_count; }
};

struct Snapshot {
  SnapshotId id;
  std::string name;
  Time time{};
  std::vector<std::string> tags;  // sorted, unique
  std::string host, user, version, command;
  ObjectId writer;   // the intent under which it was put: see repository/unproved.h
  ObjectId machine;  // the write key whose sealed session it came in; zeros: none
  double seconds = 0;
  std::vector<DatabaseState> databases;  // at least one

  const DatabaseState* database(std::string_view database_name) const;
};

// The folder below snapshots/: a keyed hash of the sorted database names, so that the names stay
// secret.
std::string series_of(const Repository& repository, std::span<const DatabaseState> databases);
std::string object_name(const Repository& repository, const Snapshot& snapshot);

// Throw kUsage for what cannot be a name or tag: printable UTF-8 of at most 200 and 100 bytes; a
// name is not "latest".
void check_snapshot_name(std::string_view name);
void check_tag(std::string_view tag);

Bytes serialize(const Snapshot& snapshot);
// Throws kDamagedObject, or kRepositoryVersion for the snapshot of a later version. `id` comes from
// the object's name.
Snapshot parse_snapshot(const SnapshotId& id, ByteView json);

// Writes the object, nothing else (kUsage for a bad name or tag): the acknowledgement of a backup
// is engine work (see Writer::commit).
void put_snapshot(const Repository& repository, const Snapshot& snapshot);

struct SnapshotList {
  std::vector<Snapshot> snapshots;      // newest first
  std::vector<std::string> unreadable;  // object names; damaged ones never hide the others
};
// Of one series, or of all. Snapshots that vanish meanwhile are left out.
SnapshotList list_snapshots(const Repository& repository, std::string_view series = {});
// The same, by name only: a cheap look. Newest cannot be told from names.
std::vector<SnapshotId> snapshot_ids(const Repository& repository, std::string_view series = {});
// Databases that are in a snapshot together with others. Reads one snapshot of each series: all of
// them have the same databases.
std::set<std::string> databases_in_company(const Repository& repository);
// All databases that are in any snapshot; as cheap.
std::set<std::string> database_names(const Repository& repository);
// Empty if it is not there; throws kDamagedObject.
std::optional<Snapshot> find_snapshot(const Repository& repository, std::string_view series,
                                      const SnapshotId& id);
// One that is gone already is no error.
void remove_snapshot(const Repository& repository, const Snapshot& snapshot);

// What a user names: "latest", an id or a prefix of one (at least 4 digits), a snapshot's name; or
// --index.
struct Selector {
  std::string text;                  // empty when `index` is used
  std::optional<std::size_t> index;  // 1 = newest
  std::string database;              // restricts to snapshots that hold it; empty: any
};
// Throws kSnapshotMissing (naming near misses), kSnapshotAmbiguous (naming the candidates). A whole
// name wins over an id prefix; of several snapshots with one name none is chosen.
const Snapshot& select(std::span<const Snapshot> newest_first, const Selector& selector);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SNAPSHOT_H_
