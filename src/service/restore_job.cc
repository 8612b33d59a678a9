#include "service/restore_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/legacy/snapshot_archive.h"
#include "service/audit.h"
#include "service/databases.h"
#include "service/export_job.h"
#include "service/nearest_word.h"
#include "sqlite/replacement.h"

namespace holdfast::service {
namespace {

using repository::DatabaseState;
using repository::Snapshot;

bool is_directory(const World& world, const env::Path& path) {
  const auto status = world.files.status(path);
  return status && status->directory;
}

RestoreTarget usual_target(Session& session, const DatabaseState& state) {
  if (const auto known =
          configured_database(state.name, session.configuration(), session.world())) {
    return {state.name, known->source.path,
            fmt::format("its configured path, from {}", known->source.entry)};
  }
  return {state.name, state.source, "the path it was read from"};
}

std::string log_detail(std::string_view origin, const RestoreTarget& target,
                       const engine::RestoreResult& result) {
  return fmt::format(
      "{} of {} to {}{}{}", target.database, origin, target.path.string(),
      result.excluded_rows == 0 ? ""
                                : fmt::format(", without {} excluded rows", result.excluded_rows),
      result.safety_snapshot
          ? fmt::format("; what was there is snapshot {}", result.safety_snapshot->id.short_hex())
          : "");
}

engine::RestoreRequest request_for(Session& session, const RestoreTarget& target,
                                   const RestoreChoices& choices) {
  engine::RestoreRequest request;
  request.database = target.database;
  request.target = target.path;
  request.while_open = choices.while_open;
  request.safety_snapshot = choices.safety_snapshot;
  request.safety.command = session.command();
  request.safety.cache_directory = session.cache_directory();
  request.safety.compression_level =
      session.configuration().compression.value_or(codec::kDefaultCompressionLevel);
  if (const auto* known = configuration_of(target.database, session.configuration())) {
    request.exclusions = known->protection.exclusions;
  }
  return request;
}

void export_after_restore(Session& session, std::span<const RestoreTarget> targets) {
  for (const RestoreTarget& target : targets) {
    const auto known =
        configured_database(target.database, session.configuration(), session.world());
    if (!known || known->source.path != target.path) continue;
    for (const std::string& sentence : export_after_writes(session.configuration(), session.world(),
                                                           target.database, session.progress())) {
      session.progress().warning(sentence);
    }
  }
}

}  // namespace

std::vector<const DatabaseState*> chosen_states(const Snapshot& snapshot,
                                                std::span<const std::string> names) {
  std::vector<const DatabaseState*> states;
  std::vector<std::string> known;
  for (const DatabaseState& state : snapshot.databases) {
    known.push_back(state.name);
    if (names.empty()) states.push_back(&state);
  }
  for (const std::string& name : names) {
    const DatabaseState* state = snapshot.database(name);
    if (state == nullptr) {
      const std::string near = nearest_word(name, known);
      throw Error(ErrorCode::kDatabaseUnknown,
                  fmt::format("snapshot {} does not hold the database \"{}\"{}; it holds {}",
                              snapshot.id.short_hex(), name,
                              near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near),
                              fmt::join(known, ", ")));
    }
    if (std::ranges::find(states, state) == states.end()) states.push_back(state);
  }
  return states;
}

std::vector<std::string> file_names(std::span<const DatabaseState* const> states) {
  std::vector<std::string> names;
  for (const DatabaseState* state : states)
    names.push_back(env::Path(state->source).filename().string());
  std::set<std::string> different(names.begin(), names.end());
  for (const char* no_name : {"", ".", "..", engine::kArchiveMetadata}) different.erase(no_name);
  if (different.size() == names.size()) return names;
  names.clear();
  for (const DatabaseState* state : states) names.push_back(state->name + ".db");
  return names;
}

std::vector<RestoreTarget> plan_restore(Session& session, const Snapshot& snapshot,
                                        std::span<const std::string> databases,
                                        const std::string& to) {
  const World& world = session.world();
  const auto states = chosen_states(snapshot, databases);
  std::vector<RestoreTarget> targets;
  if (to.empty()) {
    for (const DatabaseState* state : states) targets.push_back(usual_target(session, *state));
  } else {
    const env::Path place = absolute_path(world.directory, expand_home(to, world.variables));
    const bool folder = states.size() > 1 || to.ends_with('/') || is_directory(world, place);
    const auto names = file_names(states);
    for (std::size_t i = 0; i < states.size(); ++i) {
      targets.push_back({states[i]->name, folder ? place / names[i] : place, "as said"});
    }
  }
  std::set<env::Path> paths;
  for (RestoreTarget& target : targets) {
    if (!paths.insert(target.path).second) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("two databases would be restored to {}", target.path.string()), {},
                  "Choose one of them with --database, or a folder with --to.");
    }
    if (is_directory(world, target.path)) {
      throw Error(ErrorCode::kTargetExists, fmt::format("{} is a directory", target.path.string()));
    }
    target.exists = world.files.status(target.path).has_value();
  }
  return targets;
}

std::vector<engine::RestoreResult> restore_each(Session& session,
                                                std::span<const RestoreTarget> targets,
                                                const RestoreChoices& choices,
                                                const RestoreOf& restore_of) {
  std::vector<engine::RestoreResult> results;
  recording_failures(session, "restore", [&] {
    // Several databases belong together: none is replaced while one of them is in use.
    for (const RestoreTarget& target : targets) {
      if (target.exists && !choices.while_open) sqlite::refuse_while_open(target.path);
    }
    for (const RestoreTarget& target : targets) {
      const OneRestore one = restore_of(results.size());
      try {
        results.push_back(one.run(request_for(session, target, choices)));
      } catch (const Error& error) {
        if (results.empty()) throw;
        std::vector<std::string> done;
        done.reserve(results.size());
        for (const auto& result : results) done.push_back(result.target.string());
        throw Error(error.code(), fmt::format("{}: {}", target.database, error.happened()),
                    fmt::format("{} restored completely before; {} was not touched.",
                                fmt::format("{}{}", fmt::join(done, ", "),
                                            done.size() == 1 ? " was" : " were"),
                                target.path.string()),
                    std::string(error.next()));
      }
      record(session, "restore", "ok", log_detail(one.origin, target, results.back()));
    }
  });
  export_after_restore(session, targets);
  return results;
}

std::vector<engine::RestoreResult> restore(Session& session, const Snapshot& snapshot,
                                           std::span<const RestoreTarget> targets,
                                           const RestoreChoices& choices) {
  return restore_each(session, targets, choices, [&](std::size_t) {
    return OneRestore{fmt::format("snapshot {}", snapshot.id.short_hex()),
                      [&](const engine::RestoreRequest& request) {
                        return engine::restore(session.repository(), session.world().files,
                                               snapshot, request, session.progress());
                      }};
  });
}

std::vector<engine::PointInTime> read_moments(Session& session,
                                              std::span<const std::string> databases,
                                              const MomentChoice& choice) {
  std::vector<engine::PointInTime> points;
  for (const std::string& database : databases) {
    const auto path = choose_moment(session, database, choice);
    points.push_back(engine::read_point(session.repository(), path, database));
  }
  return points;
}

Snapshot states_of(std::span<const engine::PointInTime> points) {
  Snapshot states;
  for (const engine::PointInTime& point : points) states.databases.push_back(point.state);
  return states;
}

std::vector<engine::RestoreResult> restore_moments(Session& session,
                                                   std::span<const engine::PointInTime> points,
                                                   std::span<const RestoreTarget> targets,
                                                   const RestoreChoices& choices) {
  return restore_each(session, targets, choices, [&](std::size_t number) {
    const engine::PointInTime& point = points[number];
    return OneRestore{fmt::format("position {}", to_text(point.position)),
                      [&](const engine::RestoreRequest& request) {
                        return engine::restore_point(session.repository(), session.world().files,
                                                     point, request, session.progress());
                      }};
  });
}

std::string undo_command(const engine::RestoreResult& result, std::string_view database) {
  if (!result.safety_snapshot) return {};
  return shell_quoted({"holdfast", "restore", result.safety_snapshot->id.short_hex(), "--database",
                       std::string(database), "--to", result.target.string()});
}

}  // namespace holdfast::service
