#include "repository/sealed_session.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "codec/keyed_hash.h"
#include "repository/session_names.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kSessionKeyHeader{"HFSK\x01\0\0\0", 8};
constexpr std::size_t kSealedKeySize = codec::kSealOverhead + codec::SecretKey::kSize;
constexpr std::size_t kProofSize = codec::SecretKey::kSize;

// As a key, which is compared in constant time.
codec::SecretKey proof_of(const codec::SecretKey& machine, const ObjectId& key,
                          const SnapshotId& id, ByteView sealed) {
  codec::SecretKey proof;
  codec::KeyedHash(codec::derive_key(machine, "holdfast 1 session"), kProofSize)
      .add(key.view())
      .add(id.view())
      .add(sealed)
      .finish(proof.writable());
  return proof;
}

SnapshotId random_session_id() {
  SnapshotId id;
  codec::random_bytes(id.bytes);
  return id;
}

}  // namespace

Bytes serialize_session_key(const codec::SecretKey& session, const WriteKey& key,
                            const SnapshotId& id) {
  const Bytes sealed = codec::seal_to(key.sealing, session);
  ByteWriter object;
  object.raw(as_bytes(kSessionKeyHeader));
  object.raw(sealed);
  object.raw(proof_of(key.machine, key.info.id, id, sealed).view());
  return object.take();
}

codec::SecretKey parse_session_key(ByteView object, const codec::SealingKeys& keys,
                                   const codec::SecretKey& machine, const ObjectId& key,
                                   const SnapshotId& id) {
  const std::string name = session_folder(key, id) + std::string(kSessionKeyName);
  ByteReader reader(object, name);
  const std::string_view header = as_text(reader.raw(kSessionKeyHeader.size()));
  const ByteView sealed = reader.raw(kSealedKeySize);
  const bool proved =
      codec::SecretKey(reader.raw(kProofSize)) == proof_of(machine, key, id, sealed);
  if (header != kSessionKeyHeader || !reader.at_end() || !proved) {
    throw Error(ErrorCode::kDamagedObject, name + " was not made with the machine's key");
  }
  return keys.open(sealed, name);
}

SealedSession::SealedSession(storage::Store& store, env::Clock& clock, const Config& config,
                             const WriteKey& key)
    : store_(store),
      key_(key),
      id_(random_session_id()),
      folder_(store, session_folder(key.info.id, id_), clock) {
  const codec::SecretKey session = codec::SecretKey::random();
  folder_.put(kSessionKeyName, serialize_session_key(session, key_, id_), {});
  repository_ = Repository::within(folder_, clock, config, session_keys(session, key_.machine));
}

bool SealedSession::is_whole() const {
  std::set<std::string, std::less<>> there;
  store_.list_names(session_folder(key_.info.id, id_), [&](std::string_view name) {
    if (const auto part = session_part(name)) there.emplace(part->name);
  });
  return std::ranges::all_of(folder_.sent(),
                             [&](const std::string& name) { return there.contains(name); });
}

// First what waits, then what became of it: a session that is taken in meanwhile has its marks
// before it goes.
auto SealedSession::fate_of(const SnapshotId& snapshot) const -> Fate {
  bool waits = false;
  std::set<SessionMark> marks;
  store_.list_names(session_folder(key_.info.id, snapshot) + "snapshots/",
                    [&](std::string_view) { waits = true; });
  store_.list_names(marks_folder(key_.info.id) + snapshot.hex(), [&](std::string_view name) {
    if (const auto found = parse_session_mark(name)) marks.insert(found->mark);
  });
  if (marks.contains(SessionMark::kBase)) {
    return marks.contains(SessionMark::kLeaving) ? Fate::kGone : Fate::kStands;
  }
  if (marks.contains(SessionMark::kRefused)) return Fate::kRefused;
  return waits && marks.empty() ? Fate::kStands : Fate::kGone;
}

}  // namespace holdfast::repository
