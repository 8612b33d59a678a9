#include "repository/received_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "repository/text_rules.h"
#include "repository/timeline_retention.h"

namespace holdfast::repository {
namespace {

Error not_acceptable(std::string why) { return Error(ErrorCode::kDamagedObject, std::move(why)); }

// What people will read: no text of a hostile machine may move their cursor.
std::string readable(std::string text) {
  if (is_printable_text(text)) return text;
  std::ranges::replace_if(text, [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  return text;
}

void make_readable(Snapshot& snapshot) {
  for (std::string* text : {&snapshot.name, &snapshot.user, &snapshot.version, &snapshot.command}) {
    *text = readable(std::move(*text));
  }
  for (std::string& tag : snapshot.tags) tag = readable(std::move(tag));
  for (DatabaseState& state : snapshot.databases) {
    for (std::string* text : {&state.engine, &state.source, &state.journal_mode, &state.damage}) {
      *text = readable(std::move(*text));
    }
    for (TableCount& table : state.tables) table.name = readable(std::move(table.name));
  }
}

}  // namespace

ReceivedSession::ReceivedSession(const Repository& repository, const SessionInfo& info)
    : info_(info),
      folder_(repository.store(), session_folder(info.id.first, info.id.second), info.objects) {
  const codec::SecretKey& master = repository.keys().master;
  const codec::SecretKey machine = machine_secret(master, info.key.value());
  if (!folder_.stat(kSessionKeyName)) throw not_acceptable("it has no key");
  const codec::SecretKey key = parse_session_key(folder_.get(kSessionKeyName), sealing_keys(master),
                                                 machine, info.id.first, info.id.second);
  repository_ = Repository::within(folder_, repository.clock(), repository.config(),
                                   session_keys(key, machine));
  SnapshotList list = list_snapshots(*repository_);
  if (!list.unreadable.empty()) {
    throw not_acceptable(fmt::format("its {} cannot be read", list.unreadable.front()));
  }
  if (list.snapshots.size() != 1 || list.snapshots.front().id != info.snapshot()) {
    throw not_acceptable("it does not hold the one snapshot that it is named after");
  }
  snapshot_ = std::move(list.snapshots.front());
  check_snapshot();
  make_readable(snapshot_);
}

void ReceivedSession::check_snapshot() {
  if (snapshot_.machine != info_.id.first || snapshot_.host != info_.machine()) {
    throw not_acceptable(fmt::format("its snapshot is not of {}", info_.machine()));
  }
  if (is_replicated(snapshot_)) {
    throw not_acceptable(
        fmt::format("it has the tag \"{}\", which only replication gives", kReplicatedTag));
  }
  std::set<std::string_view> names;
  for (const DatabaseState& state : snapshot_.databases) {
    if (!is_printable_text(state.name) || !names.insert(state.name).second || state.machine_sum) {
      throw not_acceptable("it describes a database in a way that no program does");
    }
  }
}

void ReceivedSession::check_company(std::span<const Snapshot> standing) const {
  for (const Snapshot& other : standing) {
    if (other.host == info_.machine()) continue;
    for (const DatabaseState& state : snapshot_.databases) {
      if (other.database(state.name) == nullptr) continue;
      throw not_acceptable(fmt::format("{} is a database of {}, not of {}", state.name, other.host,
                                       info_.machine()));
    }
  }
}

}  // namespace holdfast::repository
