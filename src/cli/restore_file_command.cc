#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/merge_text.h"
#include "cli/restore_work.h"
#include "cli/wording.h"
#include "engine/legacy/file_text.h"
#include "service/file_restore.h"
#include "service/record_restore.h"

namespace holdfast::cli {
namespace {

Json restored_json(const service::RecordRestoreCounts& counts) {
  return {{"inserted", counts.inserted},
          {"replaced", counts.replaced},
          {"equal", counts.equal},
          {"removed", counts.removed},
          {"children_removed", counts.children_removed},
          {"deleted", counts.deleted},
          {"excluded", counts.excluded}};
}

std::string restored_text(const service::RecordRestoreCounts& counts, bool done) {
  std::string text;
  const auto line = [&](std::uint64_t number, std::string_view unit, std::string_view what) {
    if (number > 0) text += fmt::format("  {} {}\n", counted(number, unit), what);
  };
  line(counts.inserted, "record", done ? "inserted" : "to be inserted");
  line(counts.replaced, "record", done ? "replaced" : "to be replaced");
  line(
      counts.removed, "record",
      done ? "removed: the file does not have them" : "to be removed: the file does not have them");
  line(counts.children_removed, "row", "removed that belonged to them");
  line(counts.equal, "record", "equal, and left alone");
  line(counts.deleted, "record", "deleted before, and stay so");
  line(counts.excluded, "record", "excluded, and stay out");
  return text;
}

int restore_records(Context& context, const env::Path& file) {
  const Arguments& arguments = context.arguments;
  if (!arguments.to.empty()) {
    throw Error(ErrorCode::kUsage, "records go to their collection: --to is for databases");
  }
  service::RecordRestore restore(context.session,
                                 {.file = file,
                                  .collection = arguments.collection,
                                  .force = arguments.force_import || arguments.dry_run,
                                  .safety_copy = !arguments.no_safety_snapshot});
  const engine::Collection& collection = restore.collection();
  for (const std::string& name : arguments.databases) {
    if (name == collection.database) continue;
    throw Error(ErrorCode::kUsage, fmt::format("{} is in the database {}, not in {}",
                                               collection.name, collection.database, name));
  }
  context.console.notice(fmt::format("{} ({}{}, {}) to {}", printable(file.string()),
                                     engine::format_label(restore.report().format),
                                     restore.report().base64 ? " in base64" : "",
                                     counted(restore.report().records, "record"), collection.name));
  Json answer = {{"file", file.string()},
                 {"collection", collection.name},
                 {"database", collection.database},
                 {"dry_run", arguments.dry_run}};
  answer.update(copy_json(restore.report()));
  const service::RecordRestoreCounts& planned = restore.planned();
  if (arguments.dry_run) {
    answer.update(restored_json(planned));
    context.console.json_answer(answer);
    context.console.say(restored_text(planned, false));
    context.console.notice("Nothing was changed: this was a dry run.");
    return kOk;
  }
  if (planned.replaced + planned.removed > 0) {
    confirm_replacing(context,
                      fmt::format("{} of {} and remove {}", counted(planned.replaced, "record"),
                                  collection.name, counted(planned.removed, "record")));
  }
  const service::RecordRestore::Outcome outcome = restore.run();
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  answer.update(restored_json(outcome.counts));
  answer["safety_snapshot"] = or_null(outcome.safety.snapshot);
  answer["safety_copy"] = or_null(outcome.safety.file);
  answer["undo"] = or_null(outcome.undo);
  context.console.json_answer(answer);
  context.console.say(fmt::format("Restored {} from {}.\n{}", collection.name,
                                  printable(file.string()), restored_text(outcome.counts, true)));
  if (!outcome.undo.empty()) {
    context.console.say(fmt::format("  To undo: {}\n", printable(outcome.undo)));
  }
  return kOk;
}

int restore_databases(Context& context, const env::Path& file) {
  const Arguments& arguments = context.arguments;
  service::FileRestore restore(context.session,
                               {.file = file,
                                .databases = arguments.databases,
                                .to = arguments.to,
                                .force = arguments.force_import || arguments.dry_run});
  Json databases = Json::array();
  std::string plan = fmt::format("{} ({})\n", printable(file.string()),
                                 engine::format_label(restore.kind().format));
  for (std::size_t i = 0; i < restore.targets().size(); ++i) {
    const service::RestoreTarget& target = restore.targets()[i];
    plan += fmt::format("  {} ({}, {}) to {}, {}\n", printable(target.database),
                        printable(restore.source(i).name), format_size(restore.bytes(i)),
                        target.path.string(), target_text(target));
    databases.push_back({{"name", target.database},
                         {"file", restore.source(i).name},
                         {"target", target.path.string()},
                         {"because", target.reason},
                         {"replaces", target.exists},
                         {"bytes", restore.bytes(i)}});
  }
  plan.pop_back();
  context.console.notice(plan);
  carry_out(context,
            {.plan = {{"file", file.string()},
                      {"format", engine::format_label(restore.kind().format)},
                      {"dry_run", true},
                      {"databases", std::move(databases)}},
             .targets = restore.targets(),
             .run = [&](const service::RestoreChoices& choices) { return restore.run(choices); },
             .proof = "equal to the file, and sound"});
  return kOk;
}

}  // namespace

int run_restore_file(Context& context) {
  const Arguments& arguments = context.arguments;
  if (!arguments.words.empty() || arguments.index || !arguments.at.empty() ||
      !arguments.position.empty() || !arguments.mark.empty()) {
    throw Error(ErrorCode::kUsage,
                "--file and a snapshot, --index, --at, --position or --mark exclude each other");
  }
  const service::World& world = context.session.world();
  const env::Path file = service::absolute_path(
      world.directory, service::expand_home(arguments.file, world.variables));
  if (!service::is_file(world, file)) {
    throw Error(ErrorCode::kNotFound, fmt::format("{} is no file", file.string()));
  }
  switch (engine::kind_of_file(world.files, file).format) {
    case engine::FileFormat::kUnknown:
      throw Error(ErrorCode::kVerificationFailed,
                  fmt::format("{} is none of the formats that are known", file.string()),
                  "Nothing was changed.", "`holdfast verify --file` tells what can be read of it.");
    case engine::FileFormat::kSqlite:
    case engine::FileFormat::kSql:
    case engine::FileFormat::kArchive:
      // Of one collection the records alone.
      if (arguments.collection.empty()) return restore_databases(context, file);
      break;
    default:
      break;
  }
  return restore_records(context, file);
}

}  // namespace holdfast::cli
