#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "service/databases.h"
#include "service/mark_job.h"

namespace holdfast::cli {

int run_mark(Context& context) {
  constexpr Duration kLongest = std::chrono::seconds(5);
  const auto& words = context.arguments.words;
  if (words.empty()) {
    throw Error(ErrorCode::kUsage, "it is not said what to call it", {},
                "holdfast mark NAME [DB…]: the first word is the name.");
  }
  const auto databases = service::choose_databases(
      std::span(words).subspan(1), false, context.session.configuration(), context.session.world());
  const auto marked = service::mark(context.session, databases, words.front(), kLongest);
  Json answer = Json::array();
  bool complete = true;
  for (const service::MarkedPosition& one : marked) {
    answer.push_back({{"database", one.database},
                      {"mark", one.mark.name},
                      {"id", one.mark.id.hex()},
                      {"position", to_text(one.mark.position)},
                      {"time", format_rfc3339(one.state)},
                      {"complete", one.complete}});
    context.console.say(fmt::format("{} at {} of {} is called \"{}\".\n", one.database,
                                    to_text(one.mark.position), format_local(one.state),
                                    one.mark.name));
    if (one.complete) continue;
    complete = false;
    context.console.warning(fmt::format(
        "{} was written to since then, and that is not durable yet: the mark is without it",
        one.database));
  }
  context.console.json_answer(answer);
  return complete ? kOk : status_with_warnings();
}

}  // namespace holdfast::cli
