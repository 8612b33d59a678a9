#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/merge_text.h"
#include "cli/wording.h"
#include "engine/legacy/copy_file.h"
#include "engine/verify/file_check.h"
#include "service/answer_json.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kProblemsShown = 10;

// Of the collection that the records are of, where that is said or can be told.
std::vector<engine::FieldPath> known_key(Context& context) {
  const auto& collections = context.session.configuration().collections;
  const std::string& name = context.arguments.collection;
  if (name.empty()) {
    return collections.size() == 1 ? engine::key_fields(collections.front(), {})
                                   : std::vector<engine::FieldPath>();
  }
  const auto* found = context.session.configuration().collection(name);
  if (found == nullptr) {
    throw Error(ErrorCode::kCollectionUnknown, fmt::format("there is no collection \"{}\"", name));
  }
  return engine::key_fields(*found, {});
}

bool is_json(engine::FileFormat format) {
  using enum engine::FileFormat;
  return format == kObject || format == kRecord || format == kArray || format == kLines;
}

std::string checked_database_text(const engine::CheckedDatabase& database) {
  const bool sound = database.problems.empty();
  std::string text = fmt::format("  {}{}: {}, {}\n", printable(database.name),
                                 database.database.empty()
                                     ? std::string()
                                     : fmt::format(" (database {})", printable(database.database)),
                                 format_size(database.bytes), sound ? "sound" : "damaged");
  for (std::size_t i = 0; i < std::min(database.problems.size(), kProblemsShown); ++i) {
    text += fmt::format("    {}\n", printable(database.problems[i]));
  }
  if (database.problems.size() > kProblemsShown) {
    text += fmt::format("    and {} more\n", database.problems.size() - kProblemsShown);
  }
  return text + fmt::format("    {}{} in {}\n",
                            sound ? "" : "can still be read: ", counted(database.rows(), "row"),
                            counted(database.tables.size(), "table"));
}

std::string check_text(const engine::FileCheck& check, const env::Path& file) {
  const engine::CopyReport& report = check.report;
  std::string text =
      fmt::format("{}: {}{}", printable(file.string()), engine::format_label(report.format),
                  report.base64 ? " in base64" : "");
  if (is_json(report.format)) text += ", " + counted(report.records, "record");
  if (!check.databases.empty()) text += ", " + counted(check.databases.size(), "database");
  text += check.is_sound() ? ", sound\n" : ", damaged\n";
  for (const std::string& reason : report.reasons) {
    text += fmt::format("  {}\n", printable(reason));
  }
  if (report.damages > report.reasons.size()) {
    text += fmt::format("  and {} more\n", report.damages - report.reasons.size());
  }
  for (const engine::CheckedDatabase& database : check.databases)
    text += checked_database_text(database);
  return text;
}

Json check_json(const engine::FileCheck& check) {
  Json answer = copy_json(check.report);
  answer["state"] = check.is_sound() ? "intact" : "damaged";
  Json databases = Json::array();
  for (const engine::CheckedDatabase& database : check.databases) {
    Json tables = Json::array();
    for (const sqlite::TableRows& table : database.tables) {
      tables.push_back({{"name", table.name}, {"rows", table.rows}});
    }
    databases.push_back({{"file", database.name},
                         {"database", database.database.empty() ? Json() : Json(database.database)},
                         {"bytes", database.bytes},
                         {"sound", database.problems.empty()},
                         {"problems", database.problems},
                         {"rows", database.rows()},
                         {"tables", std::move(tables)}});
  }
  answer["databases"] = std::move(databases);
  answer["others"] = check.others;
  return answer;
}

Error failure_of(const engine::FileCheck& check, const env::Path& file) {
  using enum engine::FileFormat;
  const bool one_database = check.report.format == kSqlite && !check.databases.empty();
  const std::string name = file.filename().string();
  return Error(
      ErrorCode::kVerificationFailed, fmt::format("{} is damaged", file.string()),
      "The file was only read.",
      one_database
          ? fmt::format("`holdfast salvage {} --to NEW` saves what can still be read.", name)
          : fmt::format("`holdfast recover --merge {}` brings back the records that can "
                        "still be read.",
                        name));
}

}  // namespace

int run_verify_file(Context& context) {
  const Arguments& arguments = context.arguments;
  if (!arguments.words.empty() || arguments.all || !arguments.read_data.empty() ||
      arguments.integrity) {
    throw Error(ErrorCode::kUsage, "--file goes alone: all of the file is read and checked");
  }
  const service::World& world = context.session.world();
  const engine::FileCheckRequest request{
      .file = service::absolute_path(world.directory,
                                     service::expand_home(arguments.file, world.variables)),
      .key = known_key(context),
      .scratch = service::scratch_directory(world)};
  if (!service::is_file(world, request.file)) {
    throw Error(ErrorCode::kNotFound, fmt::format("{} is no file", request.file.string()));
  }
  const Duration began = world.clock.elapsed();
  const engine::FileCheck check = engine::check_file(world.files, request, context.console);
  const double seconds = std::chrono::duration<double>(world.clock.elapsed() - began).count();
  const Error failure = failure_of(check, request.file);
  Json answer = {{"file", request.file.string()}, {"ok", check.is_sound()}, {"seconds", seconds}};
  answer.update(check_json(check));
  if (!check.is_sound()) answer["error"] = service::error_json(failure)["error"];
  context.console.json_answer(answer);
  context.console.answer(check_text(check, request.file));
  if (check.is_sound()) return kOk;
  context.console.failure(failure);
  return failure.exit_status();
}

}  // namespace holdfast::cli
