// Single values as JSON text, appended to a buffer: byte for byte what record_text() makes of the
// same value, without a document in between.
#ifndef HOLDFAST_ENGINE_EXPORTS_JSON_TEXT_H_
#define HOLDFAST_ENGINE_EXPORTS_JSON_TEXT_H_

#include <string>
#include <string_view>

#include "base/row_reader.h"

namespace holdfast::engine {

// The text as a JSON string. False, and nothing appended, if it is not UTF-8 (RFC 3629).
[[nodiscard]] bool append_json_string(std::string_view text, std::string& out);
void append_json_number(std::int64_t number, std::string& out);
void append_json_number(double finite, std::string& out);
void append_base64(std::string_view bytes, std::string& out);
// As value_to_json().
void append_json_value(const Cell& cell, ColumnKind kind, std::string& out);

// How many bytes from `at` on stand in a JSON string as they are: ASCII, neither control
// characters nor '"' nor '\\'.
std::size_t plain_length(const char* at, const char* end);
// The length of the UTF-8 character that begins at `at` and is not ASCII; 0 if it is none.
std::size_t utf8_length(const char* at, const char* end);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_JSON_TEXT_H_
