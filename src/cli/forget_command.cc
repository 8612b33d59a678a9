#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/policy_flags.h"
#include "cli/snapshot_text.h"
#include "cli/wording.h"
#include "repository/future_snapshot.h"
#include "service/audit.h"
#include "service/forgetting.h"

namespace holdfast::cli {
namespace {

constexpr double kUsualUnused = 5;

service::ForgetPlan make_plan(Context& context, const repository::SnapshotList& list) {
  const Arguments& arguments = context.arguments;
  const auto policy = parse_policy(arguments.keep);
  const bool filters = !arguments.tags.empty() || !arguments.databases.empty();
  if (!arguments.words.empty()) {
    if (policy || filters) {
      throw Error(ErrorCode::kUsage,
                  "names of snapshots and a policy or filter exclude each other");
    }
    return service::plan_named(arguments.words, list.snapshots);
  }
  auto chosen =
      service::filtered(list.snapshots, {.tags = arguments.tags, .databases = arguments.databases});
  const auto future =
      repository::take_future_snapshots(chosen, context.session.world().clock.now());
  if (!future.empty()) {
    context.console.notice(fmt::format(
        "{} later than now by this machine's clock: left alone, and not counted.",
        future.size() == 1 ? "One snapshot is" : fmt::format("{} snapshots are", future.size())));
  }
  if (policy) return service::plan_by_policy(*policy, std::move(chosen));
  return service::plan_by_configuration(context.session.configuration(), chosen);
}

// Killed uploads take space that no listing of objects shows.
void remove_old_leftovers(Context& context) {
  try {
    context.session.store().remove_old_leftovers();
  } catch (const Error& error) {
    context.console.warning(
        fmt::format("uploads that were never finished may remain: {}", error.happened()));
  }
}

repository::PruneResult prune(Context& context, double max_unused_percent) {
  service::Session& session = context.session;
  const bool dry_run = context.arguments.dry_run;
  repository::PruneRequest request;
  request.dry_run = dry_run;
  request.max_waste = max_unused_percent / 100;
  const auto work = [&] {
    return repository::prune(session.repository(), request, context.console);
  };
  if (dry_run) return work();
  const repository::PruneResult result = service::recording_failures(session, "prune", work);
  remove_old_leftovers(context);
  service::record(session, "prune", "ok",
                  fmt::format("{} freed, {} removed, {} repacked", format_size(result.bytes_freed),
                              counted(result.packs_removed, "pack"), result.packs_repacked));
  return result;
}

std::string prune_text(const repository::PruneResult& result, bool dry_run) {
  return fmt::format("{} {}: {} removed, {} repacked, {} kept with {}.\n",
                     format_size(result.bytes_freed), dry_run ? "would be freed" : "freed",
                     counted(result.packs_removed, "pack"), result.packs_repacked,
                     result.packs_kept, format_size(result.bytes_kept));
}

void confirm(Context& context, const service::ForgetPlan& plan,
             const repository::SnapshotList& list) {
  const std::size_t count = plan.removed().size();
  if (count == 0) return;
  const auto lost = service::left_without_snapshot(plan, list.snapshots);
  if (!lost.empty()) {
    context.console.warning(
        fmt::format("no intact snapshot of {} would be left", fmt::join(lost, ", ")));
  }
  if (context.arguments.yes) return;
  if (context.terminal.confirm(fmt::format("Forget {}?", counted(count, "snapshot")))) return;
  throw Error(
      ErrorCode::kConfirmationNeeded,
      fmt::format("{} would be forgotten, and nobody confirmed it", counted(count, "snapshot")));
}

}  // namespace

int run_forget(Context& context) {
  const Arguments& arguments = context.arguments;
  parse_policy(arguments.keep);
  Json sealed = look_for_waiting(context);
  const repository::SnapshotList list = list_with_warnings(context);
  const service::ForgetPlan plan = make_plan(context, list);
  const std::size_t count = plan.removed().size();
  context.console.say(forget_table(plan, context.console.bold()));
  Json answer = to_json(plan);
  answer["dry_run"] = arguments.dry_run;
  answer["sealed"] = std::move(sealed);
  if (!arguments.dry_run) {
    // The question stands below the table it is about.
    context.console.flush();
    confirm(context, plan, list);
    service::forget(context.session, plan);
  }
  context.console.say(fmt::format("{} {} {}, {} kept.\n", counted(count, "snapshot"),
                                  arguments.dry_run ? "would be"
                                  : count == 1      ? "was"
                                                    : "were",
                                  "forgotten", plan.decisions.size() - count));
  answer["pruned"] = nullptr;
  if (arguments.prune) {
    const auto result = prune(context, kUsualUnused);
    answer["pruned"] = to_json(result);
    context.console.say(prune_text(result, arguments.dry_run));
  } else if (count > 0 && !arguments.dry_run) {
    context.console.notice("Their space is freed by `holdfast prune`.");
  }
  context.console.json_answer(answer);
  return list.unreadable.empty() ? kOk : status_with_warnings();
}

int run_prune(Context& context) {
  expect_no_words(context);
  const Arguments& arguments = context.arguments;
  const double unused = arguments.max_unused.empty()
                            ? kUsualUnused
                            : parse_percent("--max-unused", arguments.max_unused, 0);
  Json sealed = look_for_waiting(context);
  const auto result = prune(context, unused);
  Json answer = to_json(result);
  answer["dry_run"] = arguments.dry_run;
  answer["sealed"] = std::move(sealed);
  context.console.json_answer(answer);
  context.console.say(prune_text(result, arguments.dry_run));
  return kOk;
}

}  // namespace holdfast::cli
