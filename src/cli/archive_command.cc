#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/archive_job.h"
#include "service/snapshot_choice.h"

namespace holdfast::cli {
namespace {

// The last word is the file; what is before it says which snapshot, as for every command.
Arguments without_file(const Arguments& arguments) {
  const std::size_t wanted = arguments.index ? 1 : 2;
  if (arguments.words.size() != wanted) {
    throw Error(ErrorCode::kUsage, "say which snapshot, and which file to write", {},
                "For example: holdfast archive latest app.tar.gz");
  }
  Arguments rest = arguments;
  rest.words.pop_back();
  return rest;
}

Json outcome_json(const service::ArchiveOutcome& outcome, const env::Path& file,
                  const repository::Snapshot& snapshot) {
  Json databases = Json::array();
  for (const auto& [state, name] : outcome.databases) {
    databases.push_back({{"name", state->name},
                         {"file", name},
                         {"bytes", state->bytes()},
                         {"checksum", state->checksum},
                         {"damage", state->damage.empty() ? Json() : Json(state->damage)}});
  }
  return {{"file", file.string()},
          {"bytes", outcome.bytes},
          {"seconds", outcome.seconds},
          {"snapshot", snapshot.id.hex()},
          {"name", snapshot.name},
          {"time", format_rfc3339(snapshot.time)},
          {"databases", std::move(databases)}};
}

}  // namespace

int run_archive(Context& context) {
  const Arguments& arguments = context.arguments;
  const repository::Selector selector = snapshot_selector(without_file(arguments));
  look_for_waiting(context);
  const repository::Snapshot snapshot = service::choose_snapshot(
      list_with_warnings(context).snapshots, selector, arguments.databases);
  const service::World& world = context.session.world();
  const service::ArchiveJob job{
      .file = service::absolute_path(world.directory,
                                     service::expand_home(arguments.words.back(), world.variables)),
      .databases = arguments.databases,
      .replace = arguments.replace};
  const service::ArchiveOutcome outcome = service::write_archive(context.session, snapshot, job);
  bool damaged = false;
  std::uint64_t bytes = 0;
  for (const auto& [state, name] : outcome.databases) {
    bytes += state->bytes();
    if (state->damage.empty()) continue;
    damaged = true;
    context.console.warning(fmt::format("{} was damaged already when this snapshot was taken ({})",
                                        state->name, state->damage));
  }
  context.console.json_answer(outcome_json(outcome, job.file, snapshot));
  context.console.say(fmt::format(
      "{} of snapshot {} in {}: {} in {}, in {}, checksums proved. It is not encrypted.\n",
      counted(outcome.databases.size(), "database"), snapshot.id.short_hex(),
      printable(job.file.string()), format_size(bytes), format_size(outcome.bytes),
      format_seconds(outcome.seconds)));
  return damaged ? status_with_warnings() : kOk;
}

}  // namespace holdfast::cli
