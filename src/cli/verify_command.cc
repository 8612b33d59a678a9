#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/policy_flags.h"
#include "cli/wording.h"
#include "engine/verify/integrity.h"
#include "service/answer_json.h"
#include "service/audit.h"
#include "service/snapshot_choice.h"
#include "service/timeline_verification.h"

namespace holdfast::cli {
namespace {

using repository::Snapshot;
using repository::SnapshotVerdict;
using repository::VerifyReport;

constexpr std::size_t kMessagesShown = 10;
constexpr double kEverything = 100;

std::vector<Snapshot> chosen_snapshots(Context& context, const repository::SnapshotList& list) {
  const Arguments& arguments = context.arguments;
  if (arguments.all && !arguments.words.empty()) {
    throw Error(ErrorCode::kUsage, "--all and names of snapshots exclude each other");
  }
  std::vector<Snapshot> chosen;
  chosen.reserve(arguments.words.size());
  for (const std::string& word : arguments.words) {
    chosen.push_back(
        service::choose_snapshot(list.snapshots, {.text = word, .index = {}, .database = {}}, {}));
  }
  return chosen;
}

std::string damage_text(const VerifyReport& report) {
  std::string text;
  for (const repository::Damage& damage : report.damage) {
    text += fmt::format("damaged: {}: {}\n", damage.object, damage.problem);
  }
  for (const SnapshotVerdict& verdict : report.snapshots) {
    if (verdict.restorable) continue;
    text +=
        fmt::format("cannot be restored whole: {} \"{}\"\n", verdict.id.short_hex(), verdict.name);
    for (const std::string& lost : verdict.lost) text += fmt::format("  lost: {}\n", lost);
  }
  return text;
}

std::string finding_text(const engine::IntegrityFinding& finding) {
  std::string text = fmt::format(
      "{} of {} \"{}\" {}\n", finding.database, finding.snapshot.short_hex(), finding.snapshot_name,
      !finding.restored ? "cannot be restored"
      : finding.known   ? "is damaged, as was known when it was backed up"
                        : "is not sound, though it is exactly what was backed up");
  for (std::size_t i = 0; i < std::min(finding.messages.size(), kMessagesShown); ++i) {
    text += fmt::format("  {}\n", finding.messages[i]);
  }
  if (finding.messages.size() > kMessagesShown) {
    text += fmt::format("  and {} more\n", finding.messages.size() - kMessagesShown);
  }
  return text;
}

std::string summary_text(const VerifyReport& report, double percent, double seconds) {
  const auto restorable = std::ranges::count_if(report.snapshots, &SnapshotVerdict::restorable);
  std::string text = fmt::format("{} of {} can be restored", restorable,
                                 counted(report.snapshots.size(), "snapshot"));
  if (report.databases_proved > 0) {
    text += fmt::format(", the checksums of {} proved",
                        counted(report.databases_proved, "database state"));
  }
  if (percent == 0)
    return text + fmt::format(" (structure looked at, in {}).\n", format_seconds(seconds));
  return text + fmt::format(".\n{} read in {} and {}, in {}.\n", format_size(report.bytes_read),
                            counted(report.packs, "pack"), counted(report.blobs, "blob"),
                            format_seconds(seconds));
}

// What timelines are made of stands beside the packs, and is opened one by one.
void add_timelines(service::Session& session, const repository::SnapshotList& list,
                   VerifyReport& report) {
  for (const auto& timeline : service::verify_timelines(session, list.snapshots)) {
    for (const std::string& object : timeline.verdict.damaged) {
      report.damage.push_back(
          {object, fmt::format("of the timeline of {}: it does not open", timeline.database)});
    }
  }
}

}  // namespace

int run_verify(Context& context) {
  const Arguments& arguments = context.arguments;
  if (!arguments.file.empty()) return run_verify_file(context);
  service::Session& session = context.session;
  repository::VerifyRequest request;
  constexpr double kLeastPercent = 0.001;
  if (!arguments.read_data.empty()) {
    request.read_data_percent = parse_percent("--read-data", arguments.read_data, kLeastPercent);
  }
  const repository::Repository& repository = session.repository();
  Json sealed = look_for_waiting(context);
  const repository::SnapshotList list = repository::list_snapshots(repository);
  std::vector<Snapshot> chosen = chosen_snapshots(context, list);
  for (const Snapshot& snapshot : chosen) request.snapshots.push_back(snapshot.id);

  const Duration began = session.world().clock.elapsed();
  VerifyReport report = repository::verify(repository, request, context.console);
  const bool whole = arguments.words.empty() && request.read_data_percent >= kEverything;
  if (whole) add_timelines(session, list, report);
  engine::IntegrityReport integrity;
  if (arguments.integrity) {
    if (arguments.words.empty()) chosen = list.snapshots;
    integrity =
        engine::check_integrity(repository, session.world().files, chosen,
                                service::scratch_directory(session.world()), context.console);
  }
  const double seconds =
      std::chrono::duration<double>(session.world().clock.elapsed() - began).count();
  const bool sound = report.ok() && integrity.findings.empty() &&
                     std::ranges::all_of(report.snapshots, &SnapshotVerdict::restorable);
  // `status` tells when this was last done.
  if (whole && sound) {
    service::record(session, "verify", "ok",
                    fmt::format("{} read", format_size(report.bytes_read)));
  }

  const Error failure(
      ErrorCode::kVerificationFailed,
      report.ok()
          ? "the repository is intact, but SQLite's check found databases that are not sound"
          : fmt::format("{} of the repository {} damaged", counted(report.damage.size(), "object"),
                        report.damage.size() == 1 ? "is" : "are"),
      {},
      report.ok()
          ? "Restore an earlier snapshot, or repair the database with `sqlite3 FILE .recover`."
          : "");
  if (context.console.json()) {
    Json answer = to_json(report);
    answer["ok"] = sound;
    answer["seconds"] = seconds;
    answer["sealed"] = std::move(sealed);
    if (arguments.integrity) answer["integrity"] = to_json(integrity);
    if (!sound) answer["error"] = service::error_json(failure)["error"];
    context.console.json_answer(answer);
  }
  std::string text = damage_text(report);
  for (const engine::IntegrityFinding& finding : integrity.findings) text += finding_text(finding);
  context.console.answer(text);
  context.console.say(summary_text(report, request.read_data_percent, seconds));
  if (arguments.integrity && integrity.findings.empty()) {
    context.console.say(
        fmt::format("SQLite found {} sound.\n", counted(integrity.databases, "restored database")));
  }
  if (sound) return kOk;
  context.console.failure(failure);
  return failure.exit_status();
}

}  // namespace holdfast::cli
