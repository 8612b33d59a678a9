#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/table.h"
#include "repository/config.h"
#include "service/databases.h"

namespace holdfast::cli {
namespace {

struct RepositoryFinding {
  std::string place, problem;
  bool encrypted = false;
};

RepositoryFinding look_for_repository(service::Session& session) {
  RepositoryFinding finding;
  try {
    finding.place = session.place();
    finding.encrypted = repository::read_config(session.store()).encrypted;
  } catch (const Error& error) {
    finding.problem = error.happened();
  }
  return finding;
}

std::string where_passphrase_is(const service::Session& session,
                                const service::Configuration& configuration) {
  for (const std::string_view name : {"HOLDFAST_PASSPHRASE", "HOLDFAST_PASSPHRASE_FILE"}) {
    if (session.world().variables(name)) return std::string(name);
  }
  return configuration.passphrase_file.string();
}

}  // namespace

int run_config_check(Context& context) {
  expect_no_words(context);
  service::Session& session = context.session;
  const service::Configuration& configuration = session.configuration();
  std::vector<std::string> warnings;
  const RepositoryFinding found = look_for_repository(session);
  if (!found.problem.empty()) warnings.push_back(fmt::format("repository: {}", found.problem));
  const std::string passphrase = where_passphrase_is(session, configuration);
  if (found.problem.empty() && found.encrypted && passphrase.empty()) {
    warnings.emplace_back("the repository is encrypted, and its passphrase will be asked for");
  }

  Json databases = Json::array();
  Table table({{"Database"}, {"File"}, {"From"}, {"Because"}});
  for (const service::DatabaseConfiguration& known : configuration.databases) {
    try {
      const service::Database database =
          service::resolve_database(known, configuration, session.world());
      databases.push_back({{"name", database.name},
                           {"path", database.source.place()},
                           {"source", database.source.entry},
                           {"because", database.source.reason},
                           {"found", database.source.found}});
      table.add(
          {database.name, database.source.place(), database.source.entry, database.source.reason});
      if (!database.source.found) {
        warnings.push_back(
            fmt::format("database {}: there is no {}", database.name, database.source.place()));
      }
    } catch (const Error& error) {
      databases.push_back({{"name", known.name},
                           {"path", nullptr},
                           {"problem", error.happened()},
                           {"found", false}});
      warnings.push_back(error.happened());
    }
  }
  const std::string file = configuration.file.string();
  context.console.json_answer(
      Json{{"file", file.empty() ? Json() : Json(file)},
           {"repository", found.place.empty() ? Json() : Json(found.place)},
           {"repository_found", found.problem.empty()},
           {"encrypted", found.problem.empty() ? Json(found.encrypted) : Json()},
           {"passphrase_from", passphrase.empty() ? Json() : Json(passphrase)},
           {"databases", std::move(databases)},
           {"warnings", warnings}});
  context.console.answer(
      fmt::format("Configuration  {}\n", file.empty() ? "none (no holdfast.toml)" : file));
  context.console.answer(
      fmt::format("Repository     {}\n", found.place.empty() ? "not said" : found.place));
  context.console.answer(
      fmt::format("Passphrase     {}\n", passphrase.empty() ? "not said" : "from " + passphrase));
  if (!table.empty()) context.console.answer("\n" + table.text(context.console.bold()));
  for (const std::string& warning : warnings) context.console.warning(warning);
  if (!warnings.empty()) return status_with_warnings();
  context.console.say("\nAll is right.\n");
  return kOk;
}

}  // namespace holdfast::cli
