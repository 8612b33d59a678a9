#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "repository/config.h"
#include "service/audit.h"
#include "service/key_changes.h"

namespace holdfast::cli {
namespace {

struct Made {
  std::string place, id, code;
  bool encrypted = true;
};

Made finish(service::Session& session, std::string code, std::string detail) {
  Made made{.place = session.place(),
            .id = session.repository().config().id.hex(),
            .code = std::move(code),
            .encrypted = session.repository().config().encrypted};
  service::record(session, "init", "ok", std::move(detail));
  return made;
}

Made make(Context& context, service::Session& session, const std::string& label) {
  const bool encrypted = !context.arguments.no_encryption;
  std::string code = session.create(encrypted, label);
  return finish(session, std::move(code), encrypted ? "encrypted" : "without encryption");
}

// With the key of the first repository, unless it is to have one of its own.
Made make_copy(Context& context, service::Session& original, service::Session& copy,
               const std::string& label) {
  if (context.arguments.own_key) return make(context, copy, label);
  std::string code = copy.create_copy_of(original, label);
  return finish(copy, std::move(code), fmt::format("a copy of {}", original.place()));
}

bool is_there(service::Session& session) {
  return session.store().stat(repository::kConfigName).has_value();
}

// What is configured and not there yet, or the one that is said. If everything is there, that is
// said as of the first one.
std::vector<Made> make_all(Context& context, const std::string& label) {
  service::Session& session = context.session;
  const auto& known = session.configuration().repositories;
  const service::RepositoryConfiguration* own = session.configured();
  if (own != nullptr && own != &known.front()) {
    return {make_copy(context, *session.beside(known.front()), session, label)};
  }
  if (!context.arguments.repository.empty()) return {make(context, session, label)};
  std::vector<Made> made;
  const auto copies = session.copies();
  std::vector<std::unique_ptr<service::Session>> missing, existing;
  for (const service::RepositoryConfiguration* copy : copies) {
    auto there = session.beside(*copy);
    (is_there(*there) ? existing : missing).push_back(std::move(there));
  }
  if (!existing.empty() && !is_there(session)) {
    // The first one was lost. It comes back under the key that its copies have.
    made.push_back(make_copy(context, *existing.front(), session, label));
  } else if (missing.empty() || !is_there(session)) {
    made.push_back(make(context, session, label));
  }
  for (const auto& copy : missing) made.push_back(make_copy(context, session, *copy, label));
  return made;
}

Json to_json(const Made& made) {
  return {{"repository", made.place},
          {"id", made.id},
          {"encrypted", made.encrypted},
          {"recovery_code", made.code.empty() ? Json() : Json(made.code)}};
}

void tell(Context& context, const Made& made) {
  if (made.code.empty()) {
    context.console.warning("whoever can read this repository can restore what is in it");
    context.console.say(fmt::format("Made the repository {}, without encryption.\n", made.place));
    return;
  }
  context.console.say(fmt::format(
      "Made the repository {}, encrypted.\n\nRecovery code, shown this once:\n\n", made.place));
  // Not even --quiet loses the only thing that opens the repository without its passphrase.
  context.console.answer(fmt::format("    {}\n", made.code));
  context.console.say(
      "\nIt opens the repository if the passphrase is lost: keep it on paper, away from this "
      "machine.\n");
}

}  // namespace

int run_init(Context& context) {
  expect_no_words(context);
  const Arguments& arguments = context.arguments;
  const std::string label = arguments.label.empty() ? service::default_label() : arguments.label;
  const std::vector<Made> made = make_all(context, label);
  Json answer = to_json(made.front());
  if (made.size() > 1) {
    answer["copies"] = Json::array();
    for (std::size_t i = 1; i < made.size(); ++i) answer["copies"].push_back(to_json(made[i]));
  }
  context.console.json_answer(answer);
  for (const Made& one : made) tell(context, one);
  context.console.say(made.size() > 1 ? "\nNext: holdfast backup FILE, then holdfast copy\n"
                                      : "\nNext: holdfast backup FILE\n");
  return kOk;
}

}  // namespace holdfast::cli
