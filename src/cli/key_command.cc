#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/table.h"
#include "service/key_changes.h"

namespace holdfast::cli {

namespace {

repository::KeyInfo add_machine(Context& context) {
  if (context.arguments.machine.empty() || !context.arguments.label.empty()) {
    throw Error(ErrorCode::kUsage, "a write-only key is that of a machine, which has to be named",
                {}, "Say --machine NAME, and no --label.");
  }
  return service::add_write_key(context.session, context.arguments.machine);
}

std::string machine_text(const repository::KeyInfo& key) {
  return fmt::format(
      "With its passphrase {} can back up, and do nothing else. What it sends is below sealed/{}/; "
      "docs/s3.md has the rights that its credentials may have.\n",
      key.label, key.id.hex());
}

}  // namespace

int run_key_list(Context& context) {
  expect_no_words(context);
  context.session.repository();
  Json answer = Json::array();
  Table table({{"ID"}, {"Kind"}, {"Made"}, {"Label"}});
  for (const repository::KeyInfo& key : repository::list_keys(context.session.store())) {
    answer.push_back(to_json(key));
    table.add({context.console.verbose() ? key.id.hex() : key.id.short_hex(),
               std::string(service::kind_name(key.kind)), format_local(key.created), key.label});
  }
  context.console.json_answer(answer);
  context.console.answer(table.text(context.console.bold()));
  return kOk;
}

int run_key_add(Context& context) {
  expect_no_words(context);
  const std::string& label = context.arguments.label;
  if (context.arguments.write_only) {
    const auto key = add_machine(context);
    context.console.json_answer(Json{{"added", to_json(key)}});
    context.console.say(machine_text(key));
    return kOk;
  }
  if (!context.arguments.machine.empty()) {
    throw Error(ErrorCode::kUsage, "--machine goes with --write-only");
  }
  const auto key =
      service::add_passphrase(context.session, label.empty() ? service::default_label() : label);
  context.console.json_answer(Json{{"added", to_json(key)}});
  context.console.say(
      fmt::format("Key {} \"{}\" opens the repository now.\n", key.id.short_hex(), key.label));
  return kOk;
}

int run_key_remove(Context& context) {
  const auto& words = context.arguments.words;
  if (words.size() != 1) {
    throw Error(ErrorCode::kUsage, "say which key to remove", {},
                "`holdfast key list` lists them.");
  }
  const auto key = service::remove_key(context.session, words.front());
  context.console.json_answer(Json{{"removed", to_json(key)}});
  context.console.say(fmt::format("Key {} \"{}\" no longer opens the repository.\n",
                                  key.id.short_hex(), key.label));
  return kOk;
}

int run_key_change(Context& context) {
  expect_no_words(context);
  const auto changed = service::change_passphrase(context.session);
  context.console.json_answer(
      Json{{"added", to_json(changed.added)}, {"removed", to_json(changed.removed)}});
  context.console.say("The passphrase is changed; the old one no longer opens the repository.\n");
  return kOk;
}

int run_key_recovery(Context& context) {
  expect_no_words(context);
  const auto made = service::make_recovery_code(context.session, context.arguments.replace);
  Json removed = Json::array();
  for (const auto& key : made.removed) removed.push_back(to_json(key));
  context.console.json_answer(Json{
      {"recovery_code", made.code}, {"added", to_json(made.key)}, {"removed", std::move(removed)}});
  context.console.say("Recovery code, shown this once:\n\n");
  context.console.answer(fmt::format("    {}\n", made.code));
  context.console.say(fmt::format(
      "\nIt opens the repository if the passphrase is lost. {}\n",
      made.removed.empty() ? "Earlier codes still do, too." : "Earlier codes no longer do."));
  return kOk;
}

}  // namespace holdfast::cli
