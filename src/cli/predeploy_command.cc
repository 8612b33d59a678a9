#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/backup_job.h"
#include "service/export_job.h"
#include "service/git_commit.h"

namespace holdfast::cli {
namespace {

struct Predeployment {
  Json json = Json::object();
  bool warned = false;
};

void back_up_all(Context& context, Predeployment& done) {
  service::Session& session = context.session;
  service::BackupJob job;
  job.tags = context.arguments.tags;
  job.tags.emplace_back("predeploy");
  std::ranges::sort(job.tags);
  job.tags.erase(std::ranges::unique(job.tags).begin(), job.tags.end());
  const auto& words = context.arguments.words;
  job.databases =
      service::choose_databases(words, words.empty(), session.configuration(), session.world());
  const repository::Snapshot snapshot = service::back_up(session, job).backup.snapshot;
  done.json["backup"] = {{"snapshot", snapshot.id.hex()}, {"name", snapshot.name}};
  context.console.say(
      fmt::format("Snapshot {} \"{}\" is safe.\n", snapshot.id.short_hex(), snapshot.name));
  done.warned = std::ranges::any_of(snapshot.databases,
                                    [](const auto& database) { return !database.damage.empty(); });
}

void export_all(Context& context, Predeployment& done) {
  service::Session& session = context.session;
  const service::Configuration& configuration = session.configuration();
  Json& list = done.json["exports"] = Json::array();
  const auto& words = context.arguments.words;
  for (const service::DatabaseConfiguration& database : configuration.databases) {
    if (database.exports.empty()) continue;
    if (!words.empty() && std::ranges::find(words, database.name) == words.end()) continue;
    for (const auto& outcome : service::export_database(
             configuration, session.world(),
             {.database = database.name, .targets = database.exports}, context.console)) {
      // What follows would carry the old one away as if it were new.
      if (outcome.failure) throw *outcome.failure;
      const std::string file = outcome.target.file.string();
      list.push_back({{"file", file},
                      {"result", outcome.publication.unchanged ? "unchanged" : "exported"},
                      {"records", outcome.records}});
      if (const std::string notice = service::notice_of(outcome); !notice.empty()) {
        context.console.warning(printable(notice));
        done.warned = true;
      }
      context.console.say(fmt::format("{} {}: {}.\n",
                                      outcome.publication.unchanged ? "Unchanged" : "Exported",
                                      printable(file), counted(outcome.records, "record")));
    }
  }
}

void commit_all(Context& context, service::Git& git, Predeployment& done) {
  const Arguments& arguments = context.arguments;
  done.json["git"] = nullptr;
  if (arguments.commit.empty()) return;
  const std::string message = service::deployment_message(context.session.world().clock.now());
  const service::GitCommit commit = git.commit(arguments.commit, message);
  context.console.say(commit.committed ? fmt::format("Committed \"{}\".\n", message)
                                       : std::string("There was nothing new to commit.\n"));
  if (arguments.push) {
    git.push();
    context.console.say("Pushed.\n");
  }
  done.json["git"] = {{"committed", commit.committed},
                      {"commit", commit.commit.empty() ? Json() : Json(commit.commit)},
                      {"message", commit.committed ? Json(message) : Json()},
                      {"paths", arguments.commit},
                      {"pushed", arguments.push}};
}

}  // namespace

int run_predeploy(Context& context) {
  if (context.arguments.push && context.arguments.commit.empty()) {
    throw Error(ErrorCode::kUsage, "--push goes with --commit, which says what is to be pushed");
  }
  service::Git git(context.session.world().files, context.console);
  // Before an hour of backups.
  if (!context.arguments.commit.empty()) git.expect_work_tree();
  Predeployment done;
  back_up_all(context, done);
  export_all(context, done);
  commit_all(context, git, done);
  context.console.json_answer(done.json);
  return done.warned ? status_with_warnings() : kOk;
}

}  // namespace holdfast::cli
