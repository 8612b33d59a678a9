#include "repository/json_fields.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace holdfast::repository {

using nlohmann::json;

Error JsonOrigin::error(std::string_view problem) const {
  return Error(code, fmt::format("{}: {}", name, problem));
}

json parse_json(ByteView text, std::size_t most_bytes, JsonOrigin origin) {
  if (text.size() > most_bytes) {
    throw origin.error(fmt::format("{} bytes are more than such an object can have", text.size()));
  }
  const std::string_view characters = as_text(text);
  json value = json::parse(characters.begin(), characters.end(), nullptr, false);
  if (value.is_discarded()) throw origin.error("this is not JSON");
  return value;
}

std::string dump_json(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

JsonFields::JsonFields(const json& value, JsonOrigin origin) : value_(&value), origin_(origin) {
  if (!value.is_object()) throw origin_.error("a JSON object was expected");
}

bool JsonFields::has(const char* key) const { return value_->find(key) != value_->end(); }

std::string JsonFields::text(const char* key, std::size_t most_bytes) const {
  const json& value = member(key);
  if (!value.is_string()) throw wrong(key, "a string");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > most_bytes) throw wrong(key, fmt::format("at most {} bytes", most_bytes));
  return text;
}

std::uint64_t JsonFields::number(const char* key, std::uint64_t most) const {
  const json& value = member(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) {
    throw wrong(key, fmt::format("a whole number up to {}", most));
  }
  return value.get<std::uint64_t>();
}

double JsonFields::real(const char* key) const {
  const json& value = member(key);
  if (!value.is_number()) throw wrong(key, "a number");
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < 0) throw wrong(key, "a number of at least 0");
  return number;
}

bool JsonFields::flag(const char* key) const {
  const json& value = member(key);
  if (!value.is_boolean()) throw wrong(key, "true or false");
  return value.get<bool>();
}

Time JsonFields::time(const char* key) const {
  const std::optional<Time> time = parse_rfc3339(text(key, 64));
  // An offset can lead out of the years that can be written.
  if (!time || parse_rfc3339(format_rfc3339(*time)) != time) {
    throw wrong(key, "a time as in RFC 3339");
  }
  return *time;
}

const json& JsonFields::array(const char* key) const {
  const json& value = member(key);
  if (!value.is_array()) throw wrong(key, "an array");
  return value;
}

JsonFields JsonFields::object(const char* key) const {
  const json& value = member(key);
  if (!value.is_object()) throw wrong(key, "an object");
  return JsonFields(value, origin_);
}

Error JsonFields::wrong(const char* key, std::string_view expected) const {
  return origin_.error(fmt::format("\"{}\" must be {}", key, expected));
}

const json& JsonFields::member(const char* key) const {
  const auto found = value_->find(key);
  if (found == value_->end()) throw origin_.error(fmt::format("\"{}\" is missing", key));
  return *found;
}

}  // namespace holdfast::repository
