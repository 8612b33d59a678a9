// What a replicator tells of itself on this machine: files below the cache directory, by which
// `status` and a boot without store know it.
#ifndef HOLDFAST_SERVICE_LOCAL_STATE_H_
#define HOLDFAST_SERVICE_LOCAL_STATE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/replicate/follower_state.h"
#include "env/host.h"
#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

// A state that differs from the one that was written is written after so long.
inline constexpr Duration kBetweenStates = std::chrono::seconds(1);

struct LocalState {
  engine::FollowerState follower;
  env::ProcessIdentity process;
  Time written{};
  std::vector<std::string> findings;  // of the full check beside the application
};

// Of one database in one repository; empty without a cache directory.
env::Path state_file(Session& session, std::string_view database);
// Where what could not be sent yet is kept; empty if nowhere.
env::Path backlog_folder(Session& session, std::string_view database);

// Replaced atomically.
void write_state(env::FileSystem& files, const env::Path& path, const LocalState& state);
// Empty if there is none, or none that can be read.
std::optional<LocalState> read_state(env::FileSystem& files, const env::Path& path);
// It is of this host and boot, and is there.
bool is_certainly_alive(const env::ProcessIdentity& process);

// Whether the follower lives, has looked at the database after `changed` (a file is written to
// after a commit too, by the checkpoint of whoever closes it last), and knows of nothing newer than
// `position`.
bool has_seen_all(const LocalState& state, const repository::Position& position, Time changed,
                  Time now);

std::string_view phase_name(engine::Phase phase);  // "following"

// Null, and a warning, if the store is away. Where no repository is found, it counts as away only
// if one of these databases was replicated to it before: otherwise kRepositoryMissing is thrown.
const repository::Repository* reachable_repository(Session& session,
                                                   std::span<const Database> databases);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_LOCAL_STATE_H_
