// JSON that is as it should be, in a third of the time that the general parser takes.
#ifndef HOLDFAST_ENGINE_RECORDS_JSON_READER_H_
#define HOLDFAST_ENGINE_RECORDS_JSON_READER_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "engine/records/record_json.h"

namespace holdfast::engine {

// What nlohmann's parser makes of the text; empty if there is anything about it that only that one
// can judge: it is no JSON (RFC 8259), is nested deeper than `deepest`, has a field twice in one
// object, or a number that does not fit into 64 bits or a double.
std::optional<Record> read_json(std::string_view text, std::size_t deepest);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_JSON_READER_H_
