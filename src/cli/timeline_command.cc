#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/timeline_text.h"
#include "service/databases.h"
#include "service/timeline_job.h"

namespace holdfast::cli {
namespace {

using service::TimelineDescription;
using service::TimelineRow;

Json position_json(const repository::Position& position) {
  return position.branch == 0 ? Json() : Json(to_text(position));
}

Json to_json(const TimelineDescription& timeline) {
  Json rows = Json::array();
  for (const TimelineRow& row : timeline.rows) {
    rows.push_back({{"kind", service::kind_name(row.kind)},
                    {"from", format_rfc3339(row.from)},
                    {"to", format_rfc3339(row.to)},
                    {"first", position_json(row.first)},
                    {"last", position_json(row.last)},
                    {"states", row.states},
                    {"text", row.text}});
  }
  const bool any = timeline.newest.branch != 0;
  return {{"database", timeline.database},
          {"states", timeline.states},
          {"newest", position_json(timeline.newest)},
          {"newest_time", any ? Json(format_rfc3339(timeline.newest_time)) : Json()},
          {"rows", std::move(rows)}};
}

// A name that is neither configured nor a file is taken as it is: the database may be gone.
std::string chosen_database(Context& context) {
  const auto& words = context.arguments.words;
  if (words.size() > 1) {
    throw Error(ErrorCode::kUsage, fmt::format("one database at a time, not {}", words.size()));
  }
  try {
    const auto chosen = service::choose_databases(words, false, context.session.configuration(),
                                                  context.session.world());
    if (chosen.size() == 1) return chosen.front().name;
    throw Error(ErrorCode::kUsage, "one database at a time");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDatabaseUnknown || words.empty()) throw;
    return words.front();
  }
}

}  // namespace

int run_timeline(Context& context) {
  const std::string database = chosen_database(context);
  Json sealed = look_for_waiting(context);
  const TimelineDescription timeline = service::describe_timeline(context.session, database);
  for (const std::string& warning : timeline.warnings) context.console.warning(warning);
  Json answer = to_json(timeline);
  answer["sealed"] = std::move(sealed);
  context.console.json_answer(answer);
  context.console.answer(timeline_text(timeline));
  if (timeline.rows.empty()) {
    context.console.notice("Nothing of it is known: `holdfast replicate` keeps every commit.");
  }
  return timeline.warnings.empty() ? kOk : status_with_warnings();
}

}  // namespace holdfast::cli
