#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/doctor.h"
#include "service/records.h"
#include "service/status.h"

namespace holdfast::cli {
namespace {

using service::DatabaseStatus;

std::vector<service::Database> databases_of(Context& context) {
  service::Session& session = context.session;
  const auto& words = context.arguments.words;
  const bool all =
      context.arguments.all || (words.empty() && !session.configuration().databases.empty());
  return service::choose_all_databases(words, all, session.configuration(), session.world());
}

Json optional_time(const std::optional<Time>& time) {
  return time ? Json(format_rfc3339(*time)) : Json();
}

Json replicator_json(const service::LocalState& state) {
  return {{"phase", service::phase_name(state.follower.phase)},
          {"pid", state.process.pid},
          {"position", to_text(state.follower.position)},
          {"durable_commit", optional_time(state.follower.durable_commit)},
          {"segments", state.follower.segments},
          {"bytes_sent", state.follower.bytes_sent},
          {"backlog_bytes", state.follower.backlog_bytes},
          {"continuity_proved", state.follower.continuity_proved},
          {"continuity_repaired", state.follower.continuity_repaired},
          {"last_loss", state.follower.last_loss},
          {"last_error", state.follower.last_error}};
}

Json lease_json(const DatabaseStatus& status) {
  const repository::LeaseInfo& lease = *status.lease;
  return {{"number", lease.number},     {"host", lease.holder.host},
          {"pid", lease.holder.pid},    {"user", lease.user},
          {"command", lease.command},   {"taken", format_rfc3339(lease.taken)},
          {"released", lease.released}, {"holder_alive", status.lease_holder_alive}};
}

Json proof_json(const repository::Proof& proof) {
  return {{"time", format_rfc3339(proof.time)},
          {"passed", proof.passed()},
          {"state", format_rfc3339(proof.state)},
          {"restore_seconds", proof.restore_seconds},
          {"findings", proof.findings}};
}

Json copies_json(const DatabaseStatus& status) {
  Json copies = Json::array();
  for (const service::CopyStatus& copy : status.copies) {
    copies.push_back(
        {{"name", copy.name},
         {"place", copy.place},
         {"reachable", copy.away.empty()},
         {"newest", optional_time(copy.newest)},
         {"behind_seconds", copy.behind_seconds ? Json(*copy.behind_seconds) : Json()}});
  }
  return copies;
}

std::string copy_text(const service::CopyStatus& copy) {
  if (!copy.away.empty()) return fmt::format("{}: cannot be read", copy.name);
  if (!copy.newest) return fmt::format("{}: nothing yet", copy.name);
  const bool up_to_date = copy.behind_seconds && *copy.behind_seconds == 0;
  return fmt::format("{}: as of {}{}", copy.name, format_local(*copy.newest),
                     up_to_date ? ", up to date"
                     : copy.behind_seconds
                         ? fmt::format(", {} behind", format_seconds(*copy.behind_seconds))
                         : "");
}

Json to_json(const DatabaseStatus& status) {
  Json snapshot;
  if (status.last_snapshot) {
    snapshot = {{"id", status.last_snapshot->id.hex()},
                {"name", status.last_snapshot->name},
                {"time", format_rfc3339(status.last_snapshot->time)}};
  }
  return {
      {"database", status.database},
      {"path", status.path.string()},
      {"healthy", status.healthy()},
      {"problems", status.problems},
      {"store_reachable", status.store_reachable},
      {"lag_seconds", status.lag_seconds},
      {"last_snapshot", snapshot},
      {"last_position", status.last_position ? Json(to_text(*status.last_position)) : Json()},
      {"last_commit", optional_time(status.last_commit)},
      {"replicator", status.replicator ? replicator_json(*status.replicator) : Json()},
      {"lease", status.lease ? lease_json(status) : Json()},
      {"last_proof", status.last_proof ? proof_json(*status.last_proof) : Json()},
      {"last_verification", optional_time(status.last_verification)},
      {"copies", copies_json(status)},
      {"side_branches", status.side_branches},
      {"sealed", cli::to_json(status.sealed)},
      {"storage_warning", status.storage_warning.empty() ? Json() : Json(status.storage_warning)}};
}

Json spool_json(const engine::SpoolState& spool) {
  return {{"waiting", spool.waiting},
          {"bytes", spool.bytes},
          {"oldest", optional_time(spool.oldest)},
          {"rejected", spool.rejected},
          {"damaged", spool.damaged}};
}

// Whoever waits for its database is safe, but not where it should be.
void add_problems(const engine::SpoolState& spool, DatabaseStatus& status) {
  if (spool.waiting > 0) {
    status.problems.push_back(fmt::format("{} waiting in the spool since {}",
                                          counted(spool.waiting, "record"),
                                          format_local(spool.oldest.value_or(Time{}))));
  }
  if (spool.rejected > 0) {
    status.problems.push_back(
        fmt::format("{} of the spool could not be brought in: see rejected/ there",
                    counted(spool.rejected, "record")));
  }
  if (spool.damaged > 0) {
    status.problems.push_back(
        fmt::format("{} of the spool damaged: see damaged/ there", counted(spool.damaged, "file")));
  }
}

std::string replication_text(const DatabaseStatus& status) {
  if (status.replicator) {
    const engine::FollowerState& state = status.replicator->follower;
    return fmt::format("{}, by process {}; continuity proved {}, repaired {}",
                       service::phase_name(state.phase), status.replicator->process.pid,
                       counted(state.continuity_proved, "time"),
                       counted(state.continuity_repaired, "time"));
  }
  if (status.lease && !status.lease->released) {
    return fmt::format("by process {} on {}{}", status.lease->holder.pid, status.lease->holder.host,
                       status.lease_holder_alive ? "" : ", which is not known to be alive");
  }
  return "nobody replicates it";
}

std::string text_of(const DatabaseStatus& status) {
  std::string text =
      fmt::format("{}: {}\n", status.database, status.healthy() ? "healthy" : "NOT HEALTHY");
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<14} {}\n", name, value);
  };
  for (const std::string& problem : status.problems) line("Problem", problem);
  line("File", status.path.string());
  line("Last snapshot", status.last_snapshot
                            ? fmt::format("{}, {}", status.last_snapshot->id.short_hex(),
                                          format_local(status.last_snapshot->time))
                            : "none");
  if (status.last_position) {
    line("Last commit", fmt::format("{}, {}", to_text(*status.last_position),
                                    format_local(status.last_commit.value_or(Time{}))));
  }
  line("Not yet safe", status.lag_seconds > 0
                           ? fmt::format("the commits of {}", format_seconds(status.lag_seconds))
                           : "nothing");
  line("Replication", replication_text(status));
  line("Last proven",
       status.last_proof
           ? fmt::format("{}, restored in {}{}", format_local(status.last_proof->time),
                         format_seconds(status.last_proof->restore_seconds),
                         status.last_proof->passed() ? "" : ": FAILED")
           : "never; `holdfast drill` does");
  for (const service::CopyStatus& copy : status.copies) line("Copy", copy_text(copy));
  for (const auto& machine : status.sealed) line("Sealed", service::describe(machine));
  if (status.last_verification) line("Last verified", format_local(*status.last_verification));
  if (status.side_branches > 0) {
    line("Side branches", fmt::format("{}; `holdfast timeline` shows them", status.side_branches));
  }
  if (!status.storage_warning.empty()) line("Storage", status.storage_warning);
  return text;
}

}  // namespace

int run_status(Context& context) {
  const auto databases = databases_of(context);
  auto statuses = service::status(context.session, databases);
  Json answer = Json::array();
  for (DatabaseStatus& status : statuses) {
    const auto spool = service::spool_state(context.session.configuration(),
                                            context.session.world(), status.database);
    if (spool) add_problems(*spool, status);
    answer.push_back(to_json(status));
    answer.back()["spool"] = spool ? spool_json(*spool) : Json();
    context.console.answer(text_of(status));
  }
  context.console.json_answer(answer);
  const bool healthy = std::ranges::all_of(statuses, &DatabaseStatus::healthy);
  return healthy ? kOk : catalogue_entry(ErrorCode::kUnhealthy).exit_status;
}

int run_doctor(Context& context) {
  const auto databases = databases_of(context);
  const auto findings = service::examine(context.session, databases);
  Json answer = Json::array();
  bool harmful = false;
  for (const service::Finding& finding : findings) {
    answer.push_back(
        {{"subject", finding.subject}, {"text", finding.text}, {"harmful", finding.harmful}});
    context.console.answer(fmt::format("{}: {}: {}\n", finding.harmful ? "Problem" : "Warning",
                                       finding.subject, finding.text));
    harmful = harmful || finding.harmful;
  }
  context.console.json_answer(answer);
  if (findings.empty()) context.console.say("Nothing is wrong.\n");
  if (harmful) return catalogue_entry(ErrorCode::kUnhealthy).exit_status;
  return findings.empty() ? kOk : status_with_warnings();
}

}  // namespace holdfast::cli
