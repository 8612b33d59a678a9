#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/adopt_job.h"

namespace holdfast::cli {
namespace {

using repository::AdoptionResult;

Json adopted_json(const AdoptionResult& result) {
  Json adopted = Json::array(), refused = Json::array();
  for (const repository::Snapshot& snapshot : result.adopted) {
    adopted.push_back(to_json(snapshot, false));
  }
  for (const repository::RefusedSession& one : result.refused) {
    refused.push_back({{"session", one.session.snapshot().hex()},
                       {"key", one.session.id.first.hex()},
                       {"machine", one.session.key ? Json(one.session.key->label) : Json()},
                       {"why", one.why},
                       {"for_good", one.for_good}});
  }
  return {{"adopted", std::move(adopted)},   {"refused", std::move(refused)},
          {"being_sent", result.open},       {"discarded", result.discarded},
          {"bytes_read", result.bytes_read}, {"bytes_stored", result.bytes_stored}};
}

void confirm_discarding(Context& context) {
  if (!context.arguments.discard || context.arguments.yes) return;
  if (context.terminal.confirm("Remove all that is refused?")) return;
  throw Error(ErrorCode::kConfirmationNeeded,
              "what is refused would be removed, and nobody confirmed it");
}

}  // namespace

int run_adopt(Context& context) {
  expect_no_words(context);
  confirm_discarding(context);
  const AdoptionResult result = service::adopt(
      context.session, {.again = context.arguments.again, .discard = context.arguments.discard});
  for (const repository::Snapshot& snapshot : result.adopted) {
    context.console.say(fmt::format("Snapshot {} \"{}\" of {} is taken in.\n",
                                    snapshot.id.short_hex(), snapshot.name, snapshot.host));
  }
  for (const repository::RefusedSession& one : result.refused) {
    context.console.warning(fmt::format("backup {} of {} is not taken in: {}",
                                        one.session.snapshot().short_hex(), one.session.machine(),
                                        one.why));
  }
  context.console.json_answer(adopted_json(result));
  context.console.say(
      fmt::format("{} taken in, {} stored{}{}.\n", counted(result.adopted.size(), "snapshot"),
                  format_size(result.bytes_stored),
                  result.discarded > 0 ? fmt::format(", {} discarded", result.discarded) : "",
                  result.open > 0 ? fmt::format("; {} being sent", result.open) : ""));
  return result.refused.size() == result.discarded ? kOk : status_with_warnings();
}

}  // namespace holdfast::cli
