// Records as JSON text, and single values as JSON. docs/records.md, "Values", has the rules.
#ifndef HOLDFAST_ENGINE_RECORDS_RECORD_JSON_H_
#define HOLDFAST_ENGINE_RECORDS_RECORD_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/value.h"

namespace holdfast::engine {

using Record = nlohmann::json;

// JSON from somebody who may mean ill: at most 128 levels, no field twice in one object, no whole
// number beyond 64 bits and no real one beyond a double. Throws kRecordInvalid, which says where.
Record parse_record_json(std::string_view text, std::string_view what = "the record");
// Compact; fields in the order of their bytes; all digits of a number that are needed to read the
// same one. The same bytes for equal records.
std::string record_text(const Record& record);

// BLAKE2b-128, hexadecimal. Against mistakes, not against people: its key is no secret.
std::string text_digest(std::string_view text);
// What tells two versions of a record apart.
std::string record_tag(const Record& record);

// One value as JSON, and back:
//   NULL null · whole numbers and finite reals as numbers · text as text
//   {"$blob": "<base64>"} · {"$text": "<base64>"} text that is not UTF-8
//   {"$number": "NaN" | "Infinity" | "-Infinity"}
// In a column of JSON documents the document itself, and
//   {"$value": <document>} one that is null, or looks like one of these
//   {"$raw": <as above>} what is in the column and is no document that would come back the same
Record value_to_json(const Value& value, ColumnKind kind);
// Throws kRecordInvalid. `where` is the field, for the message.
Value value_from_json(const Record& json, ColumnKind kind, std::string_view where);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_RECORD_JSON_H_
