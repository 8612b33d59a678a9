#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/policy_flags.h"
#include "cli/wording.h"
#include "service/backup_job.h"

namespace holdfast::cli {
namespace {

using repository::DatabaseState;
using repository::Snapshot;

Json answer_json(const service::BackupOutcome& outcome, double seconds) {
  const Snapshot& snapshot = outcome.backup.snapshot;
  Json value = to_json(snapshot, false);
  Json answer = {{"snapshot", snapshot.id.hex()}};
  for (const std::string key : {"name", "time", "tags", "host", "bytes", "bytes_stored"})
    answer[key] = value[key];
  answer["seconds"] = seconds;
  answer["sealed"] = outcome.sealed;
  answer["warnings"] = outcome.backup.warnings;
  answer["databases"] = value["databases"];
  answer["forgotten"] = Json::array();
  if (outcome.forgotten) {
    for (const Snapshot& gone : outcome.forgotten->removed())
      answer["forgotten"].push_back(gone.id.hex());
  }
  return answer;
}

std::string changed(const DatabaseState& state) {
  if (state.pages_changed == 0) return "nothing changed";
  return fmt::format("{} of {} changed, {} stored", with_separators(state.pages_changed),
                     counted(state.page_count, "page"), format_size(state.bytes_stored));
}

std::string answer_text(const service::BackupOutcome& outcome, double seconds, bool verbose) {
  const Snapshot& snapshot = outcome.backup.snapshot;
  std::string text;
  for (const DatabaseState& state : snapshot.databases) {
    text += fmt::format("{}: {}, {}{}\n", state.name, format_size(state.bytes()), changed(state),
                        state.damage.empty() ? "" : "; it is damaged");
    if (verbose) {
      text += fmt::format("  from {} ({}), {} read, {}\n", state.source, state.journal_mode,
                          format_size(state.bytes_read), counted(state.tables.size(), "table"));
    }
  }
  text += fmt::format("Snapshot {} \"{}\" is {}, after {}.\n",
                      verbose ? snapshot.id.hex() : snapshot.id.short_hex(), snapshot.name,
                      outcome.sealed ? "sent, and waits to be taken in" : "safe",
                      format_seconds(seconds));
  if (outcome.forgotten) {
    const auto removed = outcome.forgotten->removed().size();
    text += fmt::format("Of {} in this series {} kept and {} forgotten.\n",
                        counted(outcome.forgotten->decisions.size(), "snapshot"),
                        outcome.forgotten->decisions.size() - removed, removed);
  }
  return text;
}

}  // namespace

int run_backup(Context& context) {
  const Arguments& arguments = context.arguments;
  service::Session& session = context.session;
  service::BackupJob job;
  job.keep = parse_policy(arguments.keep);
  job.name = arguments.name;
  job.tags = arguments.tags;
  job.read_all = arguments.read_all;
  std::ranges::sort(job.tags);
  job.databases = service::choose_databases(arguments.words, arguments.all, session.configuration(),
                                            session.world());
  for (const service::Database& database : job.databases) {
    if (database.configured) context.console.notice(database.sentence());
  }
  const Duration began = session.world().clock.elapsed();
  const service::BackupOutcome outcome = service::back_up(session, job);
  const double seconds =
      std::chrono::duration<double>(session.world().clock.elapsed() - began).count();
  if (context.console.json()) context.console.json_answer(answer_json(outcome, seconds));
  context.console.say(answer_text(outcome, seconds, context.console.verbose()));

  const bool damaged =
      std::ranges::any_of(outcome.backup.snapshot.databases,
                          [](const DatabaseState& state) { return !state.damage.empty(); });
  const bool not_forgotten = job.keep && !outcome.forgotten;
  return damaged || not_forgotten ? status_with_warnings() : kOk;
}

}  // namespace holdfast::cli
