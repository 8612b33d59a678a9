#include "service/mark_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stop_token>

#include "base/error.h"
#include "env/host.h"
#include "repository/lease.h"
#include "repository/snapshot.h"
#include "service/audit.h"
#include "service/local_state.h"
#include "service/moment.h"

namespace holdfast::service {
namespace {

using repository::StatePath;

constexpr Duration kLookEvery = std::chrono::milliseconds(200);

bool is_followed(Session& session, const std::string& series) {
  const auto lease = repository::newest_lease(session.repository(), series);
  return lease && !lease->released && !env::is_certainly_dead(lease->holder);
}

// The replicator of this machine has looked since, and there was nothing more to commit.
bool is_all_followed(Session& session, const Database& database,
                     const repository::Position& position, Time changed) {
  const World& world = session.world();
  const auto state = read_state(world.files, state_file(session, database.name));
  return state && has_seen_all(*state, position, changed, world.clock.now());
}

struct Newest {
  StatePath path;
  bool complete = false;
};

Newest newest_state(Session& session, const Database& database, Duration longest) {
  env::Clock& clock = session.world().clock;
  const Duration deadline = clock.elapsed() + longest;
  const auto changed = last_write_time(session.world().files, database.source.path);
  const std::string series = repository::timeline_series(session.repository(), database.name);
  for (bool followed = true;;) {
    const auto path = repository::find_newest(load_timeline_of(session, database.name));
    if (path && (!changed || path->time >= *changed)) return {*path, true};
    if (path && is_all_followed(session, database, path->position, *changed)) return {*path, true};
    followed = followed && is_followed(session, series);
    if (!followed || clock.elapsed() >= deadline) {
      if (path) return {*path, false};
      throw Error(ErrorCode::kPositionMissing,
                  fmt::format("{} has no timeline that a mark could be put on", database.name), {},
                  fmt::format("Start `holdfast replicate`, or take a snapshot with a name: {}.",
                              shell_quoted({"holdfast", "backup", "--name", "NAME",
                                            database.source.path.string()})));
    }
    clock.wait(kLookEvery, std::stop_token());
  }
}

}  // namespace

std::vector<MarkedPosition> mark(Session& session, std::span<const Database> databases,
                                 const std::string& name, Duration longest) {
  repository::check_snapshot_name(name);
  std::vector<Newest> states;
  for (const Database& database : databases) {
    session.progress().stage(fmt::format("Waiting for {} to be durable", database.name), 0);
    states.push_back(newest_state(session, database, longest));
  }
  std::vector<MarkedPosition> marked;
  recording_failures(session, "mark", [&] {
    const repository::Repository& repository = session.repository();
    for (std::size_t i = 0; i < states.size(); ++i) {
      const std::string series = repository::timeline_series(repository, databases[i].name);
      const StatePath& path = states[i].path;
      marked.push_back({.database = databases[i].name,
                        .mark = repository::put_mark(repository, series, name, path.position,
                                                     session.world().clock.now()),
                        .state = path.time,
                        .complete = states[i].complete});
      record(session, "mark", "ok",
             fmt::format("{} of {} is called \"{}\"", to_text(path.position), databases[i].name,
                         name));
    }
  });
  return marked;
}

}  // namespace holdfast::service
