#include "cli/restore_work.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/wording.h"

namespace holdfast::cli {
namespace {

using service::RestoreTarget;
using Results = std::vector<engine::RestoreResult>;

void confirm_targets(Context& context, const std::vector<RestoreTarget>& targets) {
  std::vector<std::string> replaced;
  for (const RestoreTarget& target : targets) {
    if (target.exists) replaced.push_back(target.path.string());
  }
  if (!replaced.empty()) {
    confirm_replacing(context, fmt::format("{}", fmt::join(replaced, " and ")));
  }
}

Json result_json(Json answer, const std::vector<RestoreTarget>& targets, const Results& results,
                 double seconds) {
  answer["dry_run"] = false;
  answer["seconds"] = seconds;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const engine::RestoreResult& result = results[i];
    Json& one = answer["databases"][i];
    const std::string undo = service::undo_command(result, targets[i].database);
    Json aside = Json::array();
    for (const auto& path : result.set_aside) aside.push_back(path.string());
    one["checksum"] = result.checksum;
    one["seconds"] = result.seconds;
    one["safety_snapshot"] =
        result.safety_snapshot ? Json(result.safety_snapshot->id.hex()) : Json();
    one["undo"] = undo.empty() ? Json() : Json(undo);
    one["set_aside"] = std::move(aside);
    one["excluded_rows"] = result.excluded_rows;
    one["deleted_rows"] = result.deleted_rows;
  }
  return answer;
}

std::string result_text(const RestoreWork& work, const Results& results) {
  std::string text;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const engine::RestoreResult& result = results[i];
    const RestoreTarget& target = work.targets[i];
    text += fmt::format("{}: {} restored to {} in {}, {}.\n", target.database,
                        format_size(result.bytes), result.target.string(),
                        format_seconds(result.seconds), work.proof);
    if (result.excluded_rows > 0) {
      text += fmt::format("  {} left out that may never come back.\n",
                          counted(result.excluded_rows, "excluded row"));
    }
    if (result.deleted_rows > 0) {
      text +=
          fmt::format("  {} left out, deleted before.\n", counted(result.deleted_rows, "record"));
    }
    for (const auto& path : result.set_aside)
      text += fmt::format("  set aside: {}\n", path.string());
    const std::string undo = service::undo_command(result, target.database);
    if (!undo.empty()) {
      text += fmt::format("  To undo: {}\n", undo);
    } else if (!target.exists) {
      text += "  There was nothing before; to undo, delete the file.\n";
    }
  }
  return text;
}

}  // namespace

void confirm_replacing(Context& context, const std::string& what) {
  if (context.arguments.yes) return;
  if (context.terminal.confirm(fmt::format("Replace {}?", what))) return;
  throw Error(ErrorCode::kConfirmationNeeded,
              fmt::format("{} would be replaced, and nobody confirmed it", what));
}

std::string target_text(const RestoreTarget& target) {
  return fmt::format("{}{}", target.reason,
                     target.exists ? "; what is there will be replaced" : "");
}

std::optional<Results> carry_out(Context& context, const RestoreWork& work) {
  const Arguments& arguments = context.arguments;
  if (arguments.dry_run) {
    if (context.console.json()) context.console.json_answer(work.plan);
    context.console.notice("Nothing was changed: this was a dry run.");
    return std::nullopt;
  }
  confirm_targets(context, work.targets);
  env::Clock& clock = context.session.world().clock;
  const Duration began = clock.elapsed();
  const Results results = work.run(
      {.while_open = arguments.while_open, .safety_snapshot = !arguments.no_safety_snapshot});
  const double seconds = std::chrono::duration<double>(clock.elapsed() - began).count();
  if (context.console.json())
    context.console.json_answer(result_json(work.plan, work.targets, results, seconds));
  context.console.say(result_text(work, results));
  return results;
}

}  // namespace holdfast::cli
