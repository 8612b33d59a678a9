// What came of bringing copies of records back, for people and programs.
#ifndef HOLDFAST_CLI_MERGE_TEXT_H_
#define HOLDFAST_CLI_MERGE_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "engine/legacy/record_visitor.h"
#include "service/record_merge.h"

namespace holdfast::cli {

// {"format", "encoding", "state": "intact" | "damaged" | "unrelated", "records", "damages",
// "reasons"}
nlohmann::ordered_json copy_json(const engine::CopyReport& report);
nlohmann::ordered_json merge_json(const service::MergeCounts& counts);
std::string merge_text(const service::MergeCounts& counts, const std::string& collection,
                       bool dry_run);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_MERGE_TEXT_H_
