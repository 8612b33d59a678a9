#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/merge_text.h"
#include "cli/wording.h"
#include "service/import_job.h"

namespace holdfast::cli {
namespace {

std::string file_text(const service::ImportedFile& file) {
  const engine::CopyReport& report = file.report;
  std::string text = fmt::format(
      "{}: {}{}, {}", printable(file.file.string()), engine::format_label(report.format),
      report.base64 ? " in base64" : "", counted(report.records, "record"));
  if (report.unrelated) text += ", nothing of this collection";
  if (!report.is_intact()) text += ", damaged";
  if (file.unfit > 0) text += fmt::format(", {} that do not fit", file.unfit);
  text += '\n';
  for (const std::string& reason : report.reasons) {
    text += fmt::format("  {}\n", printable(reason));
  }
  return text;
}

}  // namespace

int run_import(Context& context) {
  const Arguments& arguments = context.arguments;
  if (arguments.words.empty()) {
    throw Error(ErrorCode::kUsage, "it is not said which file is to be imported", {},
                "For example: holdfast import results.json");
  }
  const service::World& world = context.session.world();
  service::ImportJob job{.files = {},
                         .collection = arguments.collection,
                         .force = arguments.force_import,
                         .dry_run = arguments.dry_run};
  for (const std::string& word : arguments.words) {
    job.files.push_back(
        service::absolute_path(world.directory, service::expand_home(word, world.variables)));
  }
  const service::ImportOutcome outcome = service::import_files(context.session, job);
  Json files = Json::array();
  for (const service::ImportedFile& file : outcome.files) {
    Json json = {{"file", file.file.string()}};
    json.update(copy_json(file.report));
    json["unfit"] = file.unfit;
    files.push_back(std::move(json));
    context.console.say(file_text(file));
  }
  Json answer = {{"collection", outcome.collection}, {"dry_run", job.dry_run}};
  answer.update(merge_json(outcome.counts));
  answer["files"] = std::move(files);
  context.console.json_answer(answer);
  context.console.say(merge_text(outcome.counts, outcome.collection, job.dry_run));
  return outcome.is_whole() ? kOk : status_with_warnings();
}

}  // namespace holdfast::cli
