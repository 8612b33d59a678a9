#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/copy_job.h"

namespace holdfast::cli {
namespace {

using service::CopyOutcome;

Json to_json(const CopyOutcome& outcome) {
  Json failures = Json::array();
  for (const auto& [what, why] : outcome.result.failures) {
    failures.push_back({{"what", what}, {"why", why}});
  }
  Json error;
  if (outcome.failure) {
    error = {{"code", outcome.failure->name()}, {"happened", outcome.failure->happened()}};
  }
  return {{"name", outcome.name},
          {"place", outcome.place},
          {"complete", outcome.complete()},
          {"snapshots", outcome.result.snapshots},
          {"positions", outcome.result.positions},
          {"marks", outcome.result.marks},
          {"bytes_read", outcome.result.bytes_read},
          {"bytes_stored", outcome.result.bytes_stored},
          {"seconds", outcome.seconds},
          {"failures", std::move(failures)},
          {"error", std::move(error)}};
}

std::string text_of(const CopyOutcome& outcome, bool dry_run) {
  const repository::CopyResult& result = outcome.result;
  if (outcome.failure) return {};
  if (result.snapshots == 0 && result.positions == 0 && result.marks == 0 &&
      result.failures.empty()) {
    return fmt::format("{}: up to date.\n", outcome.name);
  }
  const std::string what =
      fmt::format("{}: {}, {} and {}", outcome.name, counted(result.snapshots, "snapshot"),
                  counted(result.positions, "position"), counted(result.marks, "mark"));
  if (dry_run) return fmt::format("{} would be copied.\n", what);
  return fmt::format("{} copied, {} stored in {}.\n", what, format_size(result.bytes_stored),
                     format_seconds(outcome.seconds));
}

void warn(Context& context, const CopyOutcome& outcome) {
  if (outcome.failure) {
    context.console.warning(fmt::format("{} ({}) was not brought up to date: {}", outcome.name,
                                        outcome.place, outcome.failure->happened()));
  }
  for (const auto& [what, why] : outcome.result.failures) {
    context.console.warning(fmt::format("{}: {} was not copied: {}", outcome.name, what, why));
  }
}

}  // namespace

int run_copy(Context& context) {
  expect_no_words(context);
  const Arguments& arguments = context.arguments;
  const auto copies = service::choose_copies(context.session, arguments.copies);
  Json sealed = look_for_waiting(context);
  Json answers = Json::array();
  bool complete = true;
  for (const service::RepositoryConfiguration* copy : copies) {
    const CopyOutcome outcome =
        service::copy_to(context.session, *copy, arguments.dry_run, context.console);
    if (outcome.failure && copies.size() == 1) throw Error(*outcome.failure);
    warn(context, outcome);
    context.console.say(text_of(outcome, arguments.dry_run));
    answers.push_back(to_json(outcome));
    complete = complete && outcome.complete();
  }
  context.console.json_answer(Json{{"dry_run", arguments.dry_run},
                                   {"copies", std::move(answers)},
                                   {"sealed", std::move(sealed)}});
  return complete ? kOk : status_with_warnings();
}

}  // namespace holdfast::cli
