#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/answer_json.h"
#include "service/export_job.h"

namespace holdfast::cli {
namespace {

using engine::ExportCheck;
using engine::ExportOutcome;
using engine::ExportTarget;
using engine::FoundFile;

Json target_json(const std::string& database, const ExportTarget& target) {
  return {{"database", database},
          {"collection", target.collection},
          {"file", target.file.string()},
          {"format", engine::format_name(target.format)},
          {"encoding", target.base64 ? Json("base64") : Json()}};
}

Json to_json(const std::string& database, const ExportOutcome& outcome) {
  Json json = target_json(database, outcome.target);
  if (outcome.failure) {
    json["result"] = "failed";
    json["error"] = service::error_json(*outcome.failure)["error"];
    return json;
  }
  json["result"] = outcome.publication.unchanged ? "unchanged" : "exported";
  json["records"] = outcome.records;
  json["bytes"] = outcome.content.size;
  json["hash"] = outcome.content.hash;
  const std::string kept = outcome.publication.kept.string();
  json["kept"] = kept.empty() ? Json() : Json(kept);
  return json;
}

std::string_view state_name(const ExportCheck& check) {
  switch (check.found.found) {
    case FoundFile::kNone:
    case FoundFile::kDeleted:
      return "missing";
    case FoundFile::kChanged:
      return "changed";
    case FoundFile::kStranger:
      return "unknown";
    case FoundFile::kOurs:
      break;
  }
  return check.current ? "current" : "outdated";
}

std::string_view state_words(const ExportCheck& check) {
  const std::string_view state = state_name(check);
  if (state == "missing") return "is not there";
  if (state == "changed") return "was changed or damaged since its last export";
  if (state == "unknown") return "was not exported by Holdfast";
  return state == "current" ? "holds what the database holds" : "is intact, but out of date";
}

// The status of the first thing that is wrong.
class Status {
 public:
  void take(int status) {
    if (status_ == kOk || status_ == status_with_warnings()) {
      if (status != kOk) status_ = status;
    }
  }
  int value() const { return status_; }

 private:
  int status_ = kOk;
};

int run_checks(Context& context, const std::vector<service::DatabaseExports>& chosen) {
  service::Session& session = context.session;
  Console& console = context.console;
  Json list = Json::array();
  std::vector<Error> failures;
  Status status;
  for (const service::DatabaseExports& exports : chosen) {
    for (const ExportCheck& check : service::check_database_exports(
             session.configuration(), session.world(), exports, console)) {
      Json json = target_json(exports.database, check.target);
      if (check.failure) {
        json["state"] = "failed";
        json["error"] = service::error_json(*check.failure)["error"];
        failures.push_back(*check.failure);
        status.take(check.failure->exit_status());
      } else {
        json["state"] = state_name(check);
        json["records"] = check.records;
        console.answer(
            fmt::format("{} {}\n", printable(check.target.file.string()), state_words(check)));
        if (state_name(check) != "current") {
          status.take(catalogue_entry(ErrorCode::kDifferent).exit_status);
        }
      }
      list.push_back(std::move(json));
    }
  }
  console.json_answer(list);
  for (const Error& failure : failures) console.failure(failure);
  return status.value();
}

int run_to_stdout(Context& context, const service::DatabaseExports& exports) {
  service::Session& session = context.session;
  service::export_to(
      session.configuration(), session.world(), exports.targets.front(), exports.database,
      [](std::string_view text) {
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
          throw Error(ErrorCode::kIo, "the export could not be written to stdout");
        }
      },
      context.console);
  return kOk;
}

}  // namespace

int run_export(Context& context) {
  const Arguments& arguments = context.arguments;
  service::Session& session = context.session;
  Console& console = context.console;
  const service::World& world = session.world();
  if (arguments.to_stdout && (arguments.check || console.json() || !arguments.to.empty())) {
    throw Error(ErrorCode::kUsage, "--stdout goes without --to, --check and --json");
  }
  service::ExportChoice choice{.databases = arguments.words,
                               .collection = arguments.collection,
                               .file = {},
                               .format = arguments.format,
                               .base64 = arguments.base64};
  if (arguments.to_stdout) {
    choice.file = "/-.json";
  } else if (!arguments.to.empty()) {
    choice.file = service::absolute_path(world.directory,
                                         service::expand_home(arguments.to, world.variables));
  }
  const auto chosen = service::choose_exports(session.configuration(), choice);
  if (arguments.to_stdout) return run_to_stdout(context, chosen.front());
  if (arguments.check) return run_checks(context, chosen);

  Json list = Json::array();
  std::vector<Error> failures;
  Status status;
  for (const service::DatabaseExports& exports : chosen) {
    for (const ExportOutcome& outcome :
         service::export_database(session.configuration(), world, exports, console)) {
      list.push_back(to_json(exports.database, outcome));
      const std::string file = printable(outcome.target.file.string());
      if (outcome.failure) {
        status.take(outcome.failure->exit_status());
        failures.push_back(*outcome.failure);
        continue;
      }
      if (const std::string notice = service::notice_of(outcome); !notice.empty()) {
        console.warning(printable(notice));
        status.take(status_with_warnings());
      }
      console.say(fmt::format(
          "{} {}: {}, {} bytes\n", outcome.publication.unchanged ? "Unchanged" : "Exported", file,
          counted(outcome.records, "record"), with_separators(outcome.content.size)));
    }
  }
  console.json_answer(list);
  for (const Error& failure : failures) console.failure(failure);
  return status.value();
}

}  // namespace holdfast::cli
