// Repository objects as JSON. docs/cli.md, "JSON", is the reference: names here are stable.
#ifndef HOLDFAST_CLI_DOCUMENT_JSON_H_
#define HOLDFAST_CLI_DOCUMENT_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "engine/verify/integrity.h"
#include "repository/audit_log.h"
#include "repository/keys.h"
#include "repository/prune.h"
#include "repository/snapshot.h"
#include "repository/verify.h"
#include "service/adopt_job.h"
#include "service/forgetting.h"

namespace holdfast::cli {

using Json = nlohmann::ordered_json;

Json to_json(const repository::DatabaseState& state, bool with_tables);
Json to_json(const repository::Snapshot& snapshot, bool with_tables);
Json to_json(const repository::LogEntry& entry);
Json to_json(const repository::KeyInfo& key);
Json to_json(const repository::PruneResult& result);
Json to_json(const repository::VerifyReport& report);
Json to_json(const engine::IntegrityReport& report);
Json to_json(const std::vector<service::WaitingSessions>& machines);
// {"keep": […], "remove": […]}
Json to_json(const service::ForgetPlan& plan);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_DOCUMENT_JSON_H_
