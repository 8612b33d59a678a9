#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/databases.h"
#include "service/guard_job.h"

namespace holdfast::cli {
namespace {

using engine::Action;
using engine::GuardResult;
using service::GuardedDatabase;

Json to_json(const std::vector<engine::InvariantResult>& invariants) {
  Json list = Json::array();
  for (const engine::InvariantResult& result : invariants) {
    list.push_back({{"name", result.name}, {"holds", result.holds}, {"found", result.found}});
  }
  return list;
}

Json to_json(const GuardedDatabase& guarded) {
  const GuardResult& result = guarded.result;
  const engine::Inspection& before = result.before;
  const auto& restored = result.restored;
  const bool saved = restored && restored->safety_snapshot;
  return {
      {"database", guarded.database.name},
      {"path", guarded.database.source.path.string()},
      {"presence", sqlite::presence_name(before.presence.presence)},
      {"detail", before.presence.detail},
      {"history", before.history_known ? Json(before.has_history) : Json()},
      {"lineage", engine::lineage_name(before.lineage)},
      {"lineage_detail", before.lineage_detail},
      {"invariants", to_json(before.invariants)},
      {"excluded", before.excluded},
      {"seconds", before.seconds},
      {"action", engine::action_name(result.decision.action)},
      {"reason", result.decision.reason},
      {"safe", result.safe},
      {"used", result.used ? Json(result.used->sentence) : Json()},
      {"safety_snapshot", saved ? Json(restored->safety_snapshot->id.hex()) : Json()},
      {"rows_merged", result.merged ? Json(result.merged->inserted()) : Json()},
      {"rows_deleted_before", result.merged ? Json(result.merged->buried()) : Json()},
      {"excluded_rows_removed", result.excluded_rows},
      {"invariants_afterwards", to_json(result.afterwards)},
      {"sealed", cli::to_json(guarded.sealed)},
  };
}

std::string text_of(const GuardedDatabase& guarded, bool fix) {
  const GuardResult& result = guarded.result;
  std::string text =
      fmt::format("{}: {}: {}.\n", guarded.database.name,
                  engine::action_name(result.decision.action), printable(result.decision.reason));
  if (result.used) text += fmt::format("  from {}\n", printable(result.used->sentence));
  if (!fix && !result.safe) text += "  Nothing was changed: that is what --fix would do.\n";
  return text;
}

bool is_worth_a_warning(const GuardedDatabase& guarded) {
  const Action action = guarded.result.decision.action;
  return action == Action::kServeWarning || action == Action::kServeFork ||
         action == Action::kSkipImport ||
         std::ranges::any_of(guarded.result.afterwards,
                             [](const auto& invariant) { return !invariant.holds; });
}

}  // namespace

int run_guard(Context& context) {
  const auto& configuration = context.session.configuration();
  const auto& words = context.arguments.words;
  const bool all = words.empty() && !configuration.databases.empty();
  const auto databases =
      service::choose_databases(words, all, configuration, context.session.world());
  const bool fix = context.arguments.fix;
  const auto guarded = service::guard(context.session, databases, fix);
  Json answer = Json::array();
  for (const GuardedDatabase& one : guarded) {
    answer.push_back(to_json(one));
    context.console.answer(text_of(one, fix));
  }
  context.console.json_answer(answer);
  const auto unsafe =
      std::ranges::find_if(guarded, [](const GuardedDatabase& one) { return !one.result.safe; });
  if (unsafe != guarded.end()) {
    const Error failure(ErrorCode::kUnhealthy,
                        fmt::format("database {} is not what it must be: {}", unsafe->database.name,
                                    unsafe->result.decision.reason),
                        "Nothing was changed.", "`holdfast guard --fix` repairs it.");
    context.console.failure(failure);
    return failure.exit_status();
  }
  return std::ranges::any_of(guarded, is_worth_a_warning) ? status_with_warnings() : kOk;
}

}  // namespace holdfast::cli
