#include "repository/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "codec/keyed_hash.h"
#include "repository/document.h"
#include "repository/text_rules.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kSnapshotsPrefix = "snapshots/";
constexpr std::string_view kSeriesContext = "holdfast 1 series";
constexpr std::size_t kSeriesBytes = 16;
constexpr std::size_t kMostNameBytes = 200, kMostTagBytes = 100;

std::string name_of(std::string_view series, const SnapshotId& id) {
  return fmt::format("{}{}/{}", kSnapshotsPrefix, series, id.hex());
}

// The id at the end of "snapshots/<series>/<id>"; empty for a name that no snapshot has.
std::optional<SnapshotId> id_in(std::string_view object_name) {
  const std::string_view rest = object_name.substr(kSnapshotsPrefix.size());
  const std::size_t slash = rest.find('/');
  if (slash != 2 * kSeriesBytes) return std::nullopt;
  const auto id = SnapshotId::from_hex(rest.substr(slash + 1));
  if (!id || name_of(rest.substr(0, slash), *id) != object_name) return std::nullopt;
  return id;
}

struct StoredSnapshot {
  std::string name;
  SnapshotId id;
};

std::string_view series_in(std::string_view object_name) {
  return object_name.substr(kSnapshotsPrefix.size(), 2 * kSeriesBytes);
}

std::vector<StoredSnapshot> stored_snapshots(const Repository& repository,
                                             std::string_view series) {
  const std::string folder = series.empty() ? std::string(kSnapshotsPrefix)
                                            : fmt::format("{}{}/", kSnapshotsPrefix, series);
  std::vector<StoredSnapshot> found;
  repository.store().list_names(folder, [&](std::string_view name) {
    if (const auto id = id_in(name)) found.push_back({std::string(name), *id});
  });
  return found;
}

std::optional<Snapshot> read_snapshot(const Repository& repository, const std::string& name,
                                      const SnapshotId& id) {
  try {
    const Bytes object = repository.store().get(name);
    return parse_snapshot(
        id, open_document(repository.keys().documents, DocumentKind::kSnapshot, name, object));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
}

bool concerns_one_snapshot(ErrorCode code) {
  return code == ErrorCode::kDamagedObject || code == ErrorCode::kRepositoryVersion ||
         code == ErrorCode::kIo || code == ErrorCode::kPermissionDenied;
}

// One readable snapshot of each series: all of them have the same databases.
template <typename Visit>
void visit_series(const Repository& repository, const Visit& visit) {
  std::string known;  // the series that was read last; names come in order
  for (const StoredSnapshot& stored : stored_snapshots(repository, {})) {
    if (series_in(stored.name) == known) continue;
    try {
      const auto snapshot = read_snapshot(repository, stored.name, stored.id);
      if (!snapshot) continue;
      known = series_in(stored.name);
      visit(*snapshot);
    } catch (const Error& error) {
      if (!concerns_one_snapshot(error.code())) throw;
    }
  }
}

}  // namespace

const DatabaseState* Snapshot::database(std::string_view database_name) const {
  const auto found = std::ranges::find(databases, database_name, &DatabaseState::name);
  return found == databases.end() ? nullptr : &*found;
}

void check_snapshot_name(std::string_view name) {
  check_printable("the name of a snapshot", name, kMostNameBytes);
  if (name == "latest") {
    throw Error(ErrorCode::kUsage, "\"latest\" means the newest snapshot; choose another name");
  }
}

void check_tag(std::string_view tag) { check_printable("a tag", tag, kMostTagBytes); }

std::string series_of(const Repository& repository, std::span<const DatabaseState> databases) {
  std::vector<std::string_view> names;
  for (const DatabaseState& state : databases) names.push_back(state.name);
  std::ranges::sort(names);
  const codec::SecretKey key = codec::derive_key(repository.keys().master, kSeriesContext);
  codec::KeyedHash hash(key, kSeriesBytes);
  for (const std::string_view name : names) {
    hash.number(static_cast<std::uint32_t>(name.size())).add(as_bytes(name));
  }
  std::array<std::byte, kSeriesBytes> series;
  hash.finish(series);
  return to_hex(series);
}

std::string object_name(const Repository& repository, const Snapshot& snapshot) {
  return name_of(series_of(repository, snapshot.databases), snapshot.id);
}

void put_snapshot(const Repository& repository, const Snapshot& snapshot) {
  check_snapshot_name(snapshot.name);
  for (const std::string& tag : snapshot.tags) check_tag(tag);
  if (snapshot.databases.empty()) {
    throw Error(ErrorCode::kInternal, "a snapshot holds at least one database");
  }
  const std::string name = object_name(repository, snapshot);
  repository.store().put(name, seal_document(repository.keys().documents, DocumentKind::kSnapshot,
                                             name, serialize(snapshot)));
}

SnapshotList list_snapshots(const Repository& repository, std::string_view series) {
  SnapshotList list;
  for (const StoredSnapshot& stored : stored_snapshots(repository, series)) {
    try {
      if (auto snapshot = read_snapshot(repository, stored.name, stored.id)) {
        list.snapshots.push_back(std::move(*snapshot));
      }
    } catch (const Error& error) {
      if (!concerns_one_snapshot(error.code())) throw;
      list.unreadable.push_back(stored.name);
    }
  }
  std::ranges::sort(list.snapshots, std::ranges::greater{},
                    [](const Snapshot& snapshot) { return std::pair(snapshot.time, snapshot.id); });
  return list;
}

std::vector<SnapshotId> snapshot_ids(const Repository& repository, std::string_view series) {
  std::vector<SnapshotId> ids;
  for (const StoredSnapshot& stored : stored_snapshots(repository, series)) {
    ids.push_back(stored.id);
  }
  return ids;
}

std::set<std::string> databases_in_company(const Repository& repository) {
  std::set<std::string> found;
  visit_series(repository, [&](const Snapshot& snapshot) {
    if (snapshot.databases.size() < 2) return;
    for (const DatabaseState& state : snapshot.databases) found.insert(state.name);
  });
  return found;
}

std::set<std::string> database_names(const Repository& repository) {
  std::set<std::string> found;
  visit_series(repository, [&](const Snapshot& snapshot) {
    for (const DatabaseState& state : snapshot.databases) found.insert(state.name);
  });
  return found;
}

std::optional<Snapshot> find_snapshot(const Repository& repository, std::string_view series,
                                      const SnapshotId& id) {
  return read_snapshot(repository, name_of(series, id), id);
}

void remove_snapshot(const Repository& repository, const Snapshot& snapshot) {
  try {
    repository.store().remove(object_name(repository, snapshot));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

}  // namespace holdfast::repository
