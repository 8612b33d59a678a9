#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/document_json.h"
#include "cli/wording.h"
#include "service/selftest.h"

namespace holdfast::cli {

int run_selftest(Context& context) {
  expect_no_words(context);
  Json parts = Json::array();
  const auto results =
      service::run_selftest(context.session, [&](const service::SelftestPart& part) {
        context.console.answer(fmt::format("{} {}: {}\n", part.passed ? "PASS" : "FAIL", part.name,
                                           printable(part.detail)));
        parts.push_back({{"name", part.name},
                         {"passed", part.passed},
                         {"detail", part.detail},
                         {"seconds", part.seconds}});
      });
  const auto passed = std::ranges::count_if(results, &service::SelftestPart::passed);
  context.console.answer(fmt::format("{}/{}\n", passed, results.size()));
  context.console.json_answer(
      {{"passed", passed}, {"of", results.size()}, {"tests", std::move(parts)}});
  return static_cast<std::size_t>(passed) == results.size()
             ? kOk
             : catalogue_entry(ErrorCode::kUnhealthy).exit_status;
}

}  // namespace holdfast::cli
