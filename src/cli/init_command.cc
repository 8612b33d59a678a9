#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "service/audit.h"
#include "service/key_changes.h"

namespace holdfast::cli {

int run_init(Context& context) {
  expect_no_words(context);
  service::Session& session = context.session;
  const Arguments& arguments = context.arguments;
  const std::string label = arguments.label.empty() ? service::default_label() : arguments.label;
  const std::string place = session.place();
  const std::string code = session.create(!arguments.no_encryption, label);
  const std::string id = session.repository().config().id.hex();
  service::record(session, "init", "ok",
                  arguments.no_encryption ? "without encryption" : "encrypted");

  context.console.json_answer(nlohmann::ordered_json{
      {"repository", place},
      {"id", id},
      {"encrypted", !arguments.no_encryption},
      {"recovery_code", code.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(code)}});
  if (code.empty()) {
    context.console.warning("whoever can read this repository can restore what is in it");
    context.console.say(fmt::format("Made the repository {}, without encryption.\n", place));
  } else {
    context.console.say(fmt::format(
        "Made the repository {}, encrypted.\n\nRecovery code, shown this once:\n\n", place));
    // Not even --quiet loses the only thing that opens the repository without its passphrase.
    context.console.answer(fmt::format("    {}\n", code));
    context.console.say(
        "\nIt opens the repository if the passphrase is lost: keep it on paper, away from this "
        "machine.\n");
  }
  context.console.say("\nNext: holdfast backup FILE\n");
  return kOk;
}

}  // namespace holdfast::cli
