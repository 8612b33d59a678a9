#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/merge_text.h"
#include "cli/table.h"
#include "cli/wording.h"
#include "service/recovery.h"

namespace holdfast::cli {
namespace {

using service::Recovery;
using service::ScannedSource;

constexpr std::size_t kShownRecords = 50;

bool is_fine(const ScannedSource& scanned) {
  return scanned.report.is_intact() && scanned.unfit == 0;
}

// The database has it, and nobody has another version.
bool is_ordinary(const engine::KnownRecord& record) {
  return record.in_database && record.versions.size() == 1;
}

std::string_view state_of(const Recovery& recovery, const std::string& id,
                          const engine::KnownRecord& record) {
  if (record.in_database) return record.versions.size() > 1 ? "differs" : "in the database";
  return recovery.is_deleted(id) ? "deleted" : "missing";
}

std::uint32_t newest_source(const Recovery& recovery, const engine::KnownRecord& record) {
  std::uint32_t newest = record.versions.front().newest;
  for (const engine::KnownVersion& version : record.versions) {
    if (recovery.census().source(version.newest).seen > recovery.census().source(newest).seen) {
      newest = version.newest;
    }
  }
  return newest;
}

Json source_json(const ScannedSource& scanned, std::size_t number) {
  Json json = {{"number", number},
               {"kind", scanned.source.kind},
               {"place", scanned.source.place},
               {"seen", format_rfc3339(scanned.source.seen)}};
  json.update(copy_json(scanned.report));
  json["unfit"] = scanned.unfit;
  json["unfit_reason"] = scanned.unfit == 0 ? Json() : Json(scanned.unfit_reason);
  return json;
}

Json record_json(const Recovery& recovery, const std::string& id,
                 const engine::KnownRecord& record) {
  Json versions = Json::array();
  for (std::uint32_t i = 0; i < record.versions.size(); ++i) {
    const engine::KnownVersion& version = record.versions[i];
    versions.push_back(
        {{"digest", to_hex(version.digest)},
         {"copies", version.copies},
         {"last_seen", format_rfc3339(recovery.census().source(version.newest).seen)},
         {"newest_source", version.newest},
         {"best_source", version.best},
         {"intact", recovery.census().source(version.best).intact},
         {"in_database", record.in_database == i}});
  }
  return {
      {"id", id},
      {"state", state_of(recovery, id, record)},
      {"last_seen", format_rfc3339(recovery.census().source(newest_source(recovery, record)).seen)},
      {"versions", std::move(versions)}};
}

Json scan_json(const Recovery& recovery, bool every_record) {
  Json sources = Json::array(), records = Json::array();
  for (std::size_t i = 0; i < recovery.sources().size(); ++i) {
    sources.push_back(source_json(recovery.sources()[i], i));
  }
  for (const auto& [id, record] : recovery.census().records()) {
    if (!every_record && is_ordinary(record)) continue;
    records.push_back(record_json(recovery, id, record));
  }
  const service::ScanCounts counts = recovery.counts();
  return {{"collection", recovery.collection().name},
          {"records", counts.records},
          {"in_database", counts.in_database},
          {"missing", counts.missing},
          {"deleted", counts.deleted},
          {"differing", counts.differing},
          {"sources", std::move(sources)},
          {"found", std::move(records)}};
}

std::string sources_text(const Recovery& recovery, bool every_source, bool bold) {
  Table table({{"#", Align::kRight},
               {"KIND"},
               {"PLACE"},
               {"OF"},
               {"FORMAT"},
               {"RECORDS", Align::kRight},
               {"STATE"}});
  std::size_t left_out = 0;
  for (std::size_t i = 0; i < recovery.sources().size(); ++i) {
    const ScannedSource& scanned = recovery.sources()[i];
    if (!every_source && i >= kShownRecords && is_fine(scanned)) {
      ++left_out;
      continue;
    }
    const engine::CopyReport& report = scanned.report;
    std::string state = report.is_intact() ? report.unrelated ? "nothing of it" : "intact"
                                           : "DAMAGED: " + report.reasons.front();
    if (scanned.unfit > 0) {
      state += fmt::format("; {} do not fit: {}", scanned.unfit, scanned.unfit_reason);
    }
    table.add(
        {fmt::format("{}", i), scanned.source.kind, printable(scanned.source.place),
         format_local(scanned.source.seen),
         fmt::format("{}{}", engine::format_label(report.format), report.base64 ? ", base64" : ""),
         with_separators(report.records), printable(state)});
  }
  std::string text = table.text(bold);
  if (left_out > 0) {
    text += fmt::format("and {} intact; --verbose shows all\n", counted(left_out, "source"));
  }
  return text;
}

std::string records_text(const Recovery& recovery, bool every_record, bool bold) {
  Table table({{"RECORD"},
               {"STATE"},
               {"VERSIONS", Align::kRight},
               {"COPIES", Align::kRight},
               {"LAST SEEN"},
               {"IN"}});
  std::size_t left_out = 0;
  for (const auto& [id, record] : recovery.census().records()) {
    if (!every_record && is_ordinary(record)) continue;
    if (!every_record && left_out++ >= kShownRecords) continue;
    std::uint64_t copies = 0;
    for (const engine::KnownVersion& version : record.versions) copies += version.copies;
    const std::uint32_t newest = newest_source(recovery, record);
    table.add({printable(id), std::string(state_of(recovery, id, record)),
               fmt::format("{}", record.versions.size()), with_separators(copies),
               format_local(recovery.census().source(newest).seen), fmt::format("#{}", newest)});
  }
  if (table.empty()) return {};
  std::string text = "\n" + table.text(bold);
  if (left_out > kShownRecords) {
    text += fmt::format("and {} more; --verbose shows all\n",
                        with_separators(left_out - kShownRecords));
  }
  return text;
}

std::string scan_text(const Recovery& recovery, bool verbose, bool bold) {
  const service::ScanCounts counts = recovery.counts();
  std::size_t damaged = 0;
  for (const ScannedSource& scanned : recovery.sources()) {
    if (!scanned.report.is_intact()) ++damaged;
  }
  std::string text = sources_text(recovery, verbose, bold) + records_text(recovery, verbose, bold);
  text += fmt::format("\n{} of {} in {} ({} damaged): {} in the database, {} missing, {} deleted",
                      counted(counts.records, "record"), recovery.collection().name,
                      counted(recovery.sources().size(), "source"), damaged,
                      with_separators(counts.in_database), with_separators(counts.missing),
                      with_separators(counts.deleted));
  text += fmt::format("; {} with several versions\n", with_separators(counts.differing));
  return text;
}

service::MergeChoice merge_choice(const Arguments& arguments) {
  service::MergeChoice choice;
  if (!arguments.prefer.empty() && arguments.prefer != "newest" && arguments.prefer != "database") {
    throw Error(ErrorCode::kUsage,
                fmt::format("\"{}\" is no preference: database or newest", arguments.prefer));
  }
  choice.newest = arguments.prefer == "newest";
  for (const std::string& pick : arguments.picks) {
    const auto at = pick.rfind('=');
    if (at == std::string::npos || at == 0) {
      throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is not ID=SOURCE", pick));
    }
    choice.picks[pick.substr(0, at)] = pick.substr(at + 1);
  }
  return choice;
}

void confirm_merge(Context& context, const Recovery& recovery, const service::MergeChoice& choice) {
  if (context.arguments.yes || context.arguments.dry_run) return;
  const std::string question =
      fmt::format("Bring {} back into {}{}?", counted(recovery.counts().missing, "missing record"),
                  recovery.collection().name,
                  choice.newest || !choice.picks.empty() ? ", and replace what was asked for" : "");
  if (context.terminal.confirm(question)) return;
  throw Error(ErrorCode::kConfirmationNeeded, "records would be written, and nobody confirmed it");
}

}  // namespace

int run_recover(Context& context) {
  const Arguments& arguments = context.arguments;
  const service::World& world = context.session.world();
  const service::MergeChoice choice = merge_choice(arguments);
  if (!arguments.merge && (choice.newest || !choice.picks.empty())) {
    throw Error(ErrorCode::kUsage, "--prefer and --pick are of --merge");
  }
  std::vector<env::Path> paths;
  for (const std::string& word : arguments.words) {
    paths.push_back(
        service::absolute_path(world.directory, service::expand_home(word, world.variables)));
  }
  if (context.session.has_place()) look_for_waiting(context);
  Recovery recovery(context.session, arguments.collection, paths);
  recovery.scan();
  const bool verbose = context.console.verbose();
  const std::string shown = scan_text(recovery, verbose, context.console.bold());
  Json answer = scan_json(recovery, verbose);
  const int status = recovery.is_all_intact() ? kOk : status_with_warnings();
  if (!arguments.merge) {
    context.console.json_answer(answer);
    context.console.answer(shown);
    return status;
  }
  context.console.say(shown);
  confirm_merge(context, recovery, choice);
  const service::MergeCounts counts = recovery.merge(choice, arguments.dry_run);
  answer["merge"] = merge_json(counts);
  answer["dry_run"] = arguments.dry_run;
  context.console.json_answer(answer);
  context.console.say(merge_text(counts, recovery.collection().name, arguments.dry_run));
  return counts.refused > 0 ? status_with_warnings() : status;
}

}  // namespace holdfast::cli
