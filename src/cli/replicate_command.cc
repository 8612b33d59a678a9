#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/lease_wait.h"
#include "cli/until_signal.h"
#include "service/replication_job.h"
#include "service/run_job.h"

namespace holdfast::cli {
namespace {

// Those that are named, or else all that are configured.
service::DatabaseChoice chosen_sources(Context& context, const std::vector<std::string>& names) {
  service::Session& session = context.session;
  const bool all =
      context.arguments.all || (names.empty() && !session.configuration().databases.empty());
  auto choice = service::choose_sources(names, all, session.configuration(), session.world());
  for (const service::Database& database : choice.databases) {
    if (database.configured) context.console.notice(database.sentence());
  }
  for (const service::DatabasePattern& pattern : choice.patterns) {
    context.console.notice(
        fmt::format("databases {}: each file that is {}", pattern.name, pattern.pattern.string()));
  }
  return choice;
}

}  // namespace

int run_replicate(Context& context) {
  const Arguments& arguments = context.arguments;
  auto choice = chosen_sources(context, arguments.words);
  service::ReplicationJob job{.databases = std::move(choice.databases),
                              .patterns = std::move(choice.patterns),
                              .lease_wait = parse_lease_wait(arguments.lease_wait),
                              .accept_fresh = arguments.accept_fresh,
                              .on_durable = {}};
  if (arguments.events) {
    job.on_durable = [&](const service::DurableEvent& event) {
      context.console.event(Json{{"event", "durable"},
                                 {"database", event.database},
                                 {"position", to_text(event.position)},
                                 {"commits", event.commits},
                                 {"time", format_rfc3339(event.durable)},
                                 {"seen", format_rfc3339(event.seen)}});
    };
  }
  const UntilSignal until(*context.signals);
  return service::replicate(context.session, job, until.stop());
}

int run_run(Context& context) {
  const Arguments& arguments = context.arguments;
  if (arguments.child.empty()) {
    throw Error(ErrorCode::kUsage, "it is not said what to run", {},
                "holdfast run -- COMMAND…: the application and its arguments.");
  }
  auto choice = chosen_sources(context, arguments.databases);
  service::RunJob job{.databases = std::move(choice.databases),
                      .patterns = std::move(choice.patterns),
                      .command = arguments.child,
                      .lease_wait = parse_lease_wait(arguments.lease_wait)};
  return service::run(context.session, job, *context.signals);
}

}  // namespace holdfast::cli
