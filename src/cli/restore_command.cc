#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/restore_work.h"
#include "cli/snapshot_text.h"
#include "cli/wording.h"
#include "service/copies.h"
#include "service/restore_job.h"

namespace holdfast::cli {
namespace {

using repository::DatabaseState;
using repository::Snapshot;
using service::RestoreTarget;

constexpr std::size_t kChoices = 10;

std::string without_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// Whoever does not say which snapshot is shown what there is, and asked where somebody can answer.
repository::Selector ask_which(Context& context, const std::vector<Snapshot>& snapshots) {
  const auto holding =
      service::filtered(snapshots, {.tags = {}, .databases = context.arguments.databases});
  std::vector<NumberedSnapshot> shown;
  for (std::size_t i = 0; i < std::min(holding.size(), kChoices); ++i) {
    shown.push_back({i + 1, &holding[i]});
  }
  context.console.notice(without_end(snapshot_table(shown, false, false)));
  const auto typed = context.terminal.ask_line("Which snapshot (number, id or name)? ");
  if (!typed || typed->empty()) return snapshot_selector(context.arguments);
  std::size_t number = 0;
  const char* const end = typed->data() + typed->size();
  const auto parsed = std::from_chars(typed->data(), end, number);
  if (parsed.ec == std::errc{} && parsed.ptr == end && number >= 1 && number <= shown.size()) {
    return {.text = {}, .index = number, .database = {}};
  }
  return {.text = *typed, .index = {}, .database = {}};
}

Snapshot chosen_snapshot(Context& context, const std::vector<Snapshot>& snapshots) {
  const Arguments& arguments = context.arguments;
  const bool said = !arguments.words.empty() || arguments.index.has_value() || snapshots.empty();
  const auto selector = said ? snapshot_selector(arguments) : ask_which(context, snapshots);
  return service::choose_snapshot(snapshots, selector, arguments.databases);
}

std::string plan_text(const Snapshot& snapshot, const std::vector<RestoreTarget>& targets) {
  std::string text = fmt::format("Snapshot {} \"{}\" of {}\n", snapshot.id.short_hex(),
                                 snapshot.name, format_local(snapshot.time));
  for (const RestoreTarget& target : targets) {
    const DatabaseState& state = *snapshot.database(target.database);
    text += fmt::format("  {} ({}) to {}, {}\n", target.database, format_size(state.bytes()),
                        target.path.string(), target_text(target));
  }
  return text;
}

// "position 3.1045 of 2026-11-21 03:24:15"
std::string point_text(const engine::PointInTime& point) {
  return fmt::format("position {} of {}", to_text(point.position),
                     format_local(point.state.moment));
}

std::string plan_text(std::span<const engine::PointInTime> points,
                      const std::vector<RestoreTarget>& targets) {
  std::string text;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    text += fmt::format("{} at {} ({}) to {}, {}\n", targets[i].database, point_text(points[i]),
                        format_size(points[i].state.bytes()), targets[i].path.string(),
                        target_text(targets[i]));
  }
  return text;
}

Json plan_json(const Snapshot& snapshot, const std::vector<RestoreTarget>& targets) {
  Json databases = Json::array();
  for (const RestoreTarget& target : targets) {
    const DatabaseState& state = *snapshot.database(target.database);
    databases.push_back({{"name", target.database},
                         {"target", target.path.string()},
                         {"because", target.reason},
                         {"replaces", target.exists},
                         {"bytes", state.bytes()},
                         {"damage", state.damage.empty() ? Json() : Json(state.damage)}});
  }
  return {{"snapshot", snapshot.id.hex()},
          {"name", snapshot.name},
          {"time", format_rfc3339(snapshot.time)},
          {"dry_run", true},
          {"databases", std::move(databases)}};
}

Json plan_json(std::span<const engine::PointInTime> points,
               const std::vector<RestoreTarget>& targets) {
  Json answer = plan_json(service::states_of(points), targets);
  answer["snapshot"] = answer["name"] = answer["time"] = Json();
  for (std::size_t i = 0; i < points.size(); ++i) {
    Json& one = answer["databases"][i];
    one["position"] = to_text(points[i].position);
    one["time"] = format_rfc3339(points[i].state.moment);
    one["snapshot"] = points[i].snapshot.id.hex();
    one["objects_read"] = points[i].objects_read;
  }
  return answer;
}

void warn_of_damage(Context& context, const Snapshot& snapshot,
                    const std::vector<RestoreTarget>& targets,
                    const std::vector<Snapshot>& snapshots) {
  for (const RestoreTarget& target : targets) {
    const DatabaseState& state = *snapshot.database(target.database);
    if (state.damage.empty()) continue;
    const auto intact = std::ranges::find_if(snapshots, [&](const Snapshot& other) {
      const DatabaseState* theirs = other.database(target.database);
      return theirs != nullptr && theirs->damage.empty();
    });
    context.console.warning(fmt::format(
        "{} was damaged already when this snapshot was taken ({}){}", target.database, state.damage,
        intact == snapshots.end()
            ? ""
            : fmt::format("; the newest intact one is {} of {}", intact->id.short_hex(),
                          format_local(intact->time))));
  }
}

// Those that are named, or the only one there is.
std::vector<std::string> databases_of_moment(Context& context) {
  std::vector<std::string> names;
  for (const std::string& name : context.arguments.databases) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  if (!names.empty()) return names;
  for (const auto& database : context.session.configuration().databases) {
    names.push_back(database.name);
  }
  if (names.empty()) {
    for (const Snapshot& snapshot : list_with_warnings(context).snapshots) {
      for (const DatabaseState& state : snapshot.databases) names.push_back(state.name);
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
  }
  if (names.size() == 1) return names;
  throw Error(ErrorCode::kUsage,
              names.empty() ? std::string("it is not said which database is to be restored")
                            : fmt::format("it is not said which database is to be restored: {}",
                                          fmt::join(names, ", ")),
              {}, "Say --database DB.");
}

int restore_moment(Context& context) {
  const Arguments& arguments = context.arguments;
  service::Session& session = context.session;
  if (!arguments.words.empty() || arguments.index) {
    throw Error(ErrorCode::kUsage, "a snapshot and --at, --position or --mark exclude each other");
  }
  look_for_waiting(context);
  const auto points = service::read_moments(
      session, databases_of_moment(context),
      {.at = arguments.at, .position = arguments.position, .mark = arguments.mark});
  const Snapshot states = service::states_of(points);
  const auto targets = service::plan_restore(session, states, {}, arguments.to);
  warn_of_damage(context, states, targets, {});
  context.console.notice(without_end(plan_text(points, targets)));
  carry_out(context, {.plan = plan_json(points, targets),
                      .targets = targets,
                      .run = [&](const service::RestoreChoices& choices) {
                        return service::restore_moments(session, points, targets, choices);
                      }});
  return kOk;
}

int restore_from(Context& context) {
  const Arguments& arguments = context.arguments;
  service::Session& session = context.session;
  if (!arguments.at.empty() || !arguments.position.empty() || !arguments.mark.empty()) {
    return restore_moment(context);
  }
  if (arguments.words.size() > 1 || (arguments.index && !arguments.words.empty())) {
    snapshot_selector(arguments);
  }
  look_for_waiting(context);
  const repository::SnapshotList list = list_with_warnings(context);
  const Snapshot snapshot = chosen_snapshot(context, list.snapshots);
  const auto targets = service::plan_restore(session, snapshot, arguments.databases, arguments.to);
  warn_of_damage(context, snapshot, targets, list.snapshots);
  context.console.notice(without_end(plan_text(snapshot, targets)));
  const auto results =
      carry_out(context, {.plan = plan_json(snapshot, targets),
                          .targets = targets,
                          .run = [&](const service::RestoreChoices& choices) {
                            return service::restore(session, snapshot, targets, choices);
                          }});
  const bool damaged = std::ranges::any_of(targets, [&](const RestoreTarget& target) {
    return !snapshot.database(target.database)->damage.empty();
  });
  return results && damaged ? status_with_warnings() : kOk;
}

}  // namespace

int run_restore(Context& context) {
  if (!context.arguments.file.empty()) return run_restore_file(context);
  return service::with_copies(context.session, [&](service::Session& session) {
    Context there{context.arguments, session, context.terminal, context.console, context.signals};
    return restore_from(there);
  });
}

}  // namespace holdfast::cli
