// What came of a write, and of what went wrong, as JSON for programs: the same on the command line
// and over HTTP. docs/records.md is the reference: names here are stable.
#ifndef HOLDFAST_SERVICE_ANSWER_JSON_H_
#define HOLDFAST_SERVICE_ANSWER_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/error.h"
#include "engine/records/record_writer.h"

namespace holdfast::service {

// {"error": {"code", "message", "safe", "next", "exit_status"}}
nlohmann::ordered_json error_json(const Error& error);

// {"result": "stored" | "spooled" | "emergency" | "refused", "collection", "id", …}
nlohmann::ordered_json answer_json(const std::string& collection,
                                   const engine::WriteAnswer& answer);
// Of what never became a write.
nlohmann::ordered_json refusal_json(const std::string& collection, const Error& error);

// {"stored", "spooled", "emergency", "refused", "records": [those above]}
nlohmann::ordered_json answers_json(nlohmann::ordered_json records);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_ANSWER_JSON_H_
