#include "cli/commands.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/adopt_job.h"

namespace holdfast::cli {
namespace {

// Those that are to see the newest state, and those that remove some of the old ones. (`diff` does
// too where it is about the history, and `guard --fix`, `run` and `replicate` when it is time.)
bool takes_in(const Arguments& arguments) {
  switch (arguments.command) {
    case Command::kRestore:
    case Command::kArchive:
    case Command::kDrill:
    case Command::kVerify:
    case Command::kRecover:
      return true;
    case Command::kForget:
    case Command::kPrune:
    case Command::kCopy:
      return !arguments.dry_run;
    default:
      return false;
  }
}

}  // namespace

int status_with_warnings() {
  return catalogue_entry(ErrorCode::kCompletedWithWarnings).exit_status;
}

void expect_no_words(const Context& context) {
  const auto& words = context.arguments.words;
  if (!words.empty())
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is one word too many", words.front()));
}

repository::SnapshotList list_with_warnings(Context& context) {
  repository::SnapshotList list = repository::list_snapshots(context.session.repository());
  for (const std::string& object : list.unreadable) {
    context.console.warning(
        fmt::format("{} is damaged and left out; `holdfast verify --all` tells more", object));
  }
  return list;
}

Json look_for_waiting(Context& context) {
  return to_json(takes_in(context.arguments)
                     ? service::adopt_waiting(context.session, context.console)
                     : service::tell_of_waiting(context.session, context.console));
}

repository::Selector snapshot_selector(const Arguments& arguments) {
  if (arguments.words.size() > 1) {
    throw Error(ErrorCode::kUsage,
                fmt::format("one snapshot at a time, not {}", arguments.words.size()));
  }
  if (arguments.index && !arguments.words.empty()) {
    throw Error(ErrorCode::kUsage, "a snapshot and --index exclude each other");
  }
  if (!arguments.index && arguments.words.empty()) {
    throw Error(ErrorCode::kUsage, "it is not said which snapshot", {},
                "Say latest, the beginning of an id, a name, or --index N; `holdfast snapshots` "
                "lists them.");
  }
  repository::Selector selector;
  if (!arguments.words.empty()) selector.text = arguments.words.front();
  if (arguments.index) selector.index = static_cast<std::size_t>(*arguments.index);
  return selector;
}

}  // namespace holdfast::cli
