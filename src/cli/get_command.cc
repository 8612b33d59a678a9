#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/record_text.h"
#include "service/records.h"

namespace holdfast::cli {

int run_get(Context& context) {
  const std::string collection = collection_word(context);
  const auto& words = context.arguments.words;
  if (words.size() < 2) {
    throw Error(ErrorCode::kUsage, "it is not said which record", {},
                "holdfast get COLLECTION ID…");
  }
  service::Records records(context.session.configuration(), context.session.world());
  Json answer = Json::array();
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto record = records.get(collection, words[i]);
    if (!record) {
      throw Error(ErrorCode::kRecordMissing,
                  fmt::format("there is no record {} in {}", words[i], collection));
    }
    context.console.answer(record_lines(*record));
    answer.push_back(Json(*record));
  }
  context.console.json_answer(answer.size() == 1 ? answer.front() : answer);
  return kOk;
}

// Without a collection, what `list` has always been: the snapshots.
int run_list(Context& context) {
  if (context.arguments.words.empty()) return run_snapshots(context);
  const std::string collection = collection_word(context);
  const Arguments& arguments = context.arguments;
  if (arguments.words.size() > 1) {
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is one word too many", arguments.words[1]));
  }
  const auto count = [](const std::optional<std::int64_t>& said, std::uint64_t otherwise,
                        std::string_view name) {
    if (said && *said < 0) {
      throw Error(ErrorCode::kUsage, fmt::format("{} must not be negative", name));
    }
    return said ? static_cast<std::uint64_t>(*said) : otherwise;
  };
  const engine::ListRequest request{.filters = arguments.filters,
                                    .sort = arguments.sort,
                                    .page = count(arguments.page, 0, "--page"),
                                    .size = count(arguments.size, 50, "--size")};
  service::Records records(context.session.configuration(), context.session.world());
  const engine::ListedRecords listed = records.list(collection, request);
  for (const engine::Record& record : listed.records) {
    context.console.answer(engine::record_text(record) + "\n");
  }
  context.console.json_answer({{"collection", collection},
                               {"total", listed.total},
                               {"page", request.page},
                               {"size", request.size},
                               {"ids", listed.ids},
                               {"records", listed.records}});
  if (listed.records.size() < listed.total) {
    context.console.notice(fmt::format("{} of {} records.", listed.records.size(), listed.total));
  }
  return kOk;
}

}  // namespace holdfast::cli
