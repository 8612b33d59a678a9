#include "cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error_document.h"
#include "base/version.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/policy_flags.h"
#include "repository/config.h"
#include "service/audit.h"

namespace holdfast::cli {
namespace {

using Words = std::vector<std::string>;

int run_completion(Context& context) {
  const auto& words = context.arguments.words;
  if (words.size() != 1) throw Error(ErrorCode::kUsage, "say for which shell: bash, zsh or fish");
  context.console.answer(completion_script(describe_program(), words.front()));
  return kOk;
}

int run_version(Context& context) {
  context.console.json_answer(
      nlohmann::ordered_json{{"version", kVersion}, {"format", repository::kFormatVersion}});
  context.console.answer(fmt::format("holdfast {}\n", kVersion));
  return kOk;
}

int run_errors(Context& context) {
  context.console.answer(error_catalogue_markdown());
  return kOk;
}

int run_man_page(Context& context) {
  context.console.answer(man_page(describe_program(), kVersion));
  return kOk;
}

int run_command(Context& context) {
  switch (context.arguments.command) {
    case Command::kInit:
      return run_init(context);
    case Command::kReplicate:
      return run_replicate(context);
    case Command::kRun:
      return run_run(context);
    case Command::kStatus:
      return run_status(context);
    case Command::kDoctor:
      return run_doctor(context);
    case Command::kBackup:
      return run_backup(context);
    case Command::kSnapshots:
      return run_snapshots(context);
    case Command::kShow:
      return run_show(context);
    case Command::kStats:
      return run_stats(context);
    case Command::kLog:
      return run_log(context);
    case Command::kVerify:
      return run_verify(context);
    case Command::kRestore:
      return run_restore(context);
    case Command::kTimeline:
      return run_timeline(context);
    case Command::kMark:
      return run_mark(context);
    case Command::kDrill:
      return run_drill(context);
    case Command::kSalvage:
      return run_salvage(context);
    case Command::kArchive:
      return run_archive(context);
    case Command::kDiff:
      return run_diff(context);
    case Command::kGuard:
      return run_guard(context);
    case Command::kPut:
      return run_put(context);
    case Command::kGet:
      return run_get(context);
    case Command::kList:
      return run_list(context);
    case Command::kDelete:
      return run_delete(context);
    case Command::kUndelete:
      return run_undelete(context);
    case Command::kRecover:
      return run_recover(context);
    case Command::kImport:
      return run_import(context);
    case Command::kExport:
      return run_export(context);
    case Command::kServe:
      return run_serve(context);
    case Command::kPredeploy:
      return run_predeploy(context);
    case Command::kSelftest:
      return run_selftest(context);
    case Command::kForget:
      return run_forget(context);
    case Command::kPrune:
      return run_prune(context);
    case Command::kAdopt:
      return run_adopt(context);
    case Command::kCopy:
      return run_copy(context);
    case Command::kKeyList:
      return run_key_list(context);
    case Command::kKeyAdd:
      return run_key_add(context);
    case Command::kKeyRemove:
      return run_key_remove(context);
    case Command::kKeyChange:
      return run_key_change(context);
    case Command::kKeyRecovery:
      return run_key_recovery(context);
    case Command::kConfigCheck:
      return run_config_check(context);
    case Command::kCompletion:
      return run_completion(context);
    case Command::kVersion:
      return run_version(context);
    case Command::kErrors:
      return run_errors(context);
    case Command::kManPage:
      return run_man_page(context);
    case Command::kNone:
      break;
  }
  throw Error(ErrorCode::kInternal, "a command without a body");
}

ColorChoice color_choice(const Arguments& arguments) {
  if (arguments.color == "always") return ColorChoice::kAlways;
  return arguments.color == "never" ? ColorChoice::kNever : ColorChoice::kAuto;
}

Error as_error(const std::exception& exception) {
  if (const auto* error = dynamic_cast<const Error*>(&exception)) return *error;
  if (const auto* error = dynamic_cast<const std::filesystem::filesystem_error*>(&exception)) {
    return system_error(error->code().value(), error->path1().string());
  }
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) {
    return Error(ErrorCode::kInternal, "there is not enough memory", {},
                 "Free some memory and run the command again.");
  }
  return Error(ErrorCode::kInternal, exception.what());
}

// Whatever comes out of `work` becomes an exit status.
template <typename Work>
int reporting_failures(Console& console, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::exception& exception) {
    const Error error = as_error(exception);
    console.failure(error);
    return error.exit_status();
  }
}

// These run until they are told to end, and then have work to do.
bool holds_signals(Command command) {
  return command == Command::kReplicate || command == Command::kRun || command == Command::kServe;
}

int run_parsed(const Words& words, const ParsedLine& parsed, const service::World& world,
               Console& console, env::SignalHold* signals) {
  stop_if_interrupted();  // by what came in before signals were held back: nobody waits for that
                          // one
  const Arguments& arguments = parsed.arguments;
  if (arguments.help) {
    const std::string text = help_text(describe_program(), parsed.help_for, terminal_width(stdout));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kOk;
  }
  Words line{"holdfast"};
  line.insert(line.end(), words.begin(), words.end());
  Terminal terminal;
  service::Session session(
      world,
      {.repository = arguments.repository,
       .configuration = arguments.configuration,
       .cache_directory = arguments.cache_directory,
       .no_cache = arguments.no_cache,
       .no_key_cache = arguments.no_key_cache,
       .limits = {.upload = parse_rate("--limit-upload", arguments.limit_upload),
                  .download = parse_rate("--limit-download", arguments.limit_download)},
       .command = service::shell_quoted(line)},
      terminal, console);
  Context context{arguments, session, terminal, console, signals};
  return run_command(context);
}

}  // namespace

int run(const Words& words, const service::World& world) {
  install_interrupt_handlers();
  ParsedLine parsed;
  try {
    parsed = parse_command_line(words);
  } catch (const Error& error) {
    const bool json = std::ranges::find(words, "--json") != words.end();
    Console console({.json = json});
    console.failure(error);
    return error.exit_status();
  }
  const Arguments& arguments = parsed.arguments;
  // Before there is any other thread: they are to inherit the mask.
  std::optional<env::SignalHold> signals;
  if (!arguments.help && holds_signals(arguments.command)) signals.emplace();
  Console console({.json = arguments.json,
                   .quiet = arguments.quiet,
                   .verbose = arguments.verbose,
                   .color = color_choice(arguments)});
  const int status = reporting_failures(console, [&] {
    return run_parsed(words, parsed, world, console, signals ? &*signals : nullptr);
  });
  const int flushed = reporting_failures(console, [&] {
    console.flush();
    return kOk;
  });
  return status != kOk ? status : flushed;
}

}  // namespace holdfast::cli
