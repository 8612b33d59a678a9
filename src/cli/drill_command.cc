#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/databases.h"
#include "service/drill_job.h"

namespace holdfast::cli {
namespace {

using repository::Proof;

Json to_json(const Proof& proof) {
  const bool known = !proof.checksum.empty();
  return {{"database", proof.database},
          {"passed", proof.passed()},
          {"time", format_rfc3339(proof.time)},
          {"snapshot", proof.snapshot.hex()},
          {"position", proof.position.branch == 0 ? Json() : Json(to_text(proof.position))},
          {"state", format_rfc3339(proof.state)},
          {"bytes", proof.bytes},
          {"checksum", known ? Json(proof.checksum) : Json()},
          {"integrity", proof.integrity},
          {"invariants", proof.invariants},
          {"restore_seconds", proof.restore_seconds},
          {"total_seconds", proof.total_seconds},
          {"findings", proof.findings}};
}

std::string proof_text(const Proof& proof) {
  const std::string origin = proof.position.branch != 0
                                 ? fmt::format("position {}", to_text(proof.position))
                                 : fmt::format("snapshot {}", proof.snapshot.short_hex());
  if (proof.passed()) {
    return fmt::format(
        "{}: {} of {} ({}) restored in {}; checksum, integrity and invariants proved.\n",
        proof.database, origin, format_local(proof.state), format_size(proof.bytes),
        format_seconds(proof.restore_seconds));
  }
  std::string text = fmt::format("{}: {} of {} is not proved\n", proof.database, origin,
                                 format_local(proof.state));
  for (const std::string& finding : proof.findings) {
    text += fmt::format("  {}\n", printable(finding));
  }
  return text;
}

// A name that is neither configured nor a file is taken as it is: the database may be gone.
std::vector<std::string> chosen_databases(Context& context) {
  const auto& configuration = context.session.configuration();
  const service::World& world = context.session.world();
  std::vector<std::string> names;
  const auto add = [&](std::span<const std::string> words, bool all) {
    for (const auto& one : service::choose_databases(words, all, configuration, world)) {
      names.push_back(one.name);
    }
  };
  const auto& words = context.arguments.words;
  if (words.empty()) add({}, !configuration.databases.empty());
  for (const std::string& word : words) {
    try {
      add(std::span(&word, 1), false);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDatabaseUnknown) throw;
      names.push_back(word);
    }
  }
  return names;
}

}  // namespace

int run_drill(Context& context) {
  const service::World& world = context.session.world();
  const std::string& to = context.arguments.to;
  const env::Path scratch =
      to.empty()
          ? service::scratch_directory(world)
          : service::absolute_path(world.directory, service::expand_home(to, world.variables));
  look_for_waiting(context);
  const auto proofs = service::drill(context.session, chosen_databases(context), scratch);
  Json answer = Json::array();
  for (const Proof& proof : proofs) {
    answer.push_back(to_json(proof));
    context.console.answer(proof_text(proof));
  }
  context.console.json_answer(answer);
  const auto failed = std::ranges::find_if_not(proofs, &Proof::passed);
  if (failed == proofs.end()) return kOk;
  const Error failure(
      ErrorCode::kVerificationFailed,
      fmt::format("{} could not be proved: {}", failed->database, failed->findings.front()),
      "The drill worked on a copy; nothing else was touched.",
      "Restore an earlier state to a new path with `holdfast restore --at TIME --to "
      "PATH`, and run `holdfast verify --all --read-data`.");
  context.console.failure(failure);
  return failure.exit_status();
}

}  // namespace holdfast::cli
