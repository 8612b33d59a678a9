#include "service/guard_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "codec/compression.h"
#include "service/audit.h"
#include "service/copies.h"
#include "service/local_state.h"

namespace holdfast::service {
namespace {

using engine::Action;

bool changed_something(Action action) {
  switch (action) {
    case Action::kServe:
    case Action::kServeFork:
    case Action::kServeWarning:
    case Action::kRefuse:
      return false;
    case Action::kExclude:
    case Action::kRestore:
    case Action::kMerge:
    case Action::kSeed:
    case Action::kCreateEmpty:
    case Action::kSkipImport:
      return true;
  }
  return false;
}

std::string log_detail(const GuardedDatabase& guarded) {
  const engine::GuardResult& result = guarded.result;
  std::string detail =
      fmt::format("{}: {}: {}", guarded.database.name, engine::action_name(result.decision.action),
                  result.decision.reason);
  if (result.used) detail += fmt::format("; from {}", result.used->sentence);
  if (result.merged) {
    detail += fmt::format("; {} rows came back, {} stay deleted", result.merged->inserted(),
                          result.merged->buried());
  }
  if (result.excluded_rows > 0) {
    detail += fmt::format("; {} excluded rows were removed", result.excluded_rows);
  }
  if (result.restored && result.restored->safety_snapshot) {
    detail += fmt::format("; what was there is snapshot {}",
                          result.restored->safety_snapshot->id.short_hex());
  }
  return detail;
}

}  // namespace

engine::GuardRequest guard_request(Session& session, const Database& database) {
  const Configuration& configuration = session.configuration();
  const Variables& variables = session.world().variables;
  engine::GuardRequest request;
  request.database = database.name;
  request.path = database.source.path;
  if (const auto* known = configuration_of(database.name, configuration)) {
    request.invariants = known->protection.invariants;
    request.exclusions = known->protection.exclusions;
    request.seed = known->protection.seed;
    request.on_violation = known->protection.on_violation;
  }
  std::ranges::copy_if(configuration.collections, std::back_inserter(request.collections),
                       [&](const auto& each) { return each.database == database.name; });
  request.production = is_production(configuration.boot, variables);
  request.force_import = import_is_forced(configuration.boot, variables);
  request.force_switch = configuration.boot.force_switch;
  request.restore.database = database.name;
  request.restore.target = database.source.path;
  request.restore.safety.command = session.command();
  request.restore.safety.cache_directory = session.cache_directory();
  request.restore.safety.compression_level =
      configuration.compression.value_or(codec::kDefaultCompressionLevel);
  return request;
}

GuardedDatabase guard_one(Session& session, const repository::Repository* repository,
                          const Database& database, bool fix, Progress& progress) {
  engine::GuardRequest request = guard_request(session, database);
  CopiesInTurn copies(session);
  if (fix) request.copies = [&](std::size_t number) { return copies.reachable(number); };
  const auto work = [&]() -> GuardedDatabase {
    return {.database = database,
            .result = engine::guard(repository, session.world().files, request, fix, progress)};
  };
  if (!fix || repository == nullptr) return work();
  GuardedDatabase guarded = recording_failures(session, "guard", work);
  if (changed_something(guarded.result.decision.action)) {
    record(session, "guard", "ok", log_detail(guarded));
  }
  return guarded;
}

void adopt_what_may_help(Session& session, std::span<const Database> databases,
                         Progress& progress) {
  const auto is_served = [&](const Database& database) {
    try {
      const Action action =
          guard_one(session, &session.repository(), database, false, no_progress())
              .result.decision.action;
      return action == Action::kServe || action == Action::kServeFork;
    } catch (const Error&) {
      return false;  // it is said again, when it is guarded
    }
  };
  if (!something_waits(session, progress)) return;
  if (!std::ranges::all_of(databases, is_served)) adopt_waiting(session, progress);
}

std::vector<GuardedDatabase> guard(Session& session, std::span<const Database> databases,
                                   bool fix) {
  const ReachableHistory history = reachable_history(session, databases);
  Session& of_history = history.copy ? *history.copy : session;
  std::vector<WaitingSessions> sealed;
  if (history.known != nullptr && fix) {
    adopt_what_may_help(of_history, databases, session.progress());
  } else if (history.known != nullptr) {
    sealed = tell_of_waiting(of_history, session.progress());
  }
  std::vector<GuardedDatabase> result;
  for (const Database& database : databases) {
    result.push_back(guard_one(of_history, history.known, database, fix, session.progress()));
    result.back().sealed = sealed;
  }
  return result;
}

}  // namespace holdfast::service
