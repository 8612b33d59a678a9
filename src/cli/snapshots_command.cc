#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/size.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/snapshot_text.h"
#include "service/snapshot_choice.h"

namespace holdfast::cli {

int run_snapshots(Context& context) {
  expect_no_words(context);
  const Arguments& arguments = context.arguments;
  look_for_waiting(context);
  const repository::SnapshotList list = list_with_warnings(context);
  // Numbers are those that --index takes together with the same --database.
  const auto numbered =
      service::filtered(list.snapshots, {.tags = {}, .databases = arguments.databases});
  const service::SnapshotFilter filter{.tags = arguments.tags, .databases = {}};
  std::vector<NumberedSnapshot> shown;
  for (std::size_t i = 0; i < numbered.size(); ++i) {
    if (filter.matches(numbered[i])) shown.push_back({i + 1, &numbered[i]});
  }
  if (context.console.json()) {
    Json answer = Json::array();
    for (const auto& [number, snapshot] : shown) {
      Json one = to_json(*snapshot, false);
      one["index"] = number;
      answer.push_back(std::move(one));
    }
    context.console.json_answer(answer);
  }
  context.console.answer(snapshot_table(shown, context.console.verbose(), context.console.bold()));
  if (shown.empty()) {
    context.console.notice(list.snapshots.empty()
                               ? "There are no snapshots yet: `holdfast backup FILE` takes one."
                               : "No snapshot matches.");
  }
  return list.unreadable.empty() ? kOk : status_with_warnings();
}

int run_show(Context& context) {
  const repository::Selector selector = snapshot_selector(context.arguments);
  Json sealed = look_for_waiting(context);
  const repository::SnapshotList list = list_with_warnings(context);
  const repository::Snapshot snapshot =
      service::choose_snapshot(list.snapshots, selector, context.arguments.databases);
  Json answer = to_json(snapshot, true);
  answer["sealed"] = std::move(sealed);
  context.console.json_answer(answer);
  context.console.answer(snapshot_details(snapshot, context.console.verbose()));
  return kOk;
}

}  // namespace holdfast::cli
