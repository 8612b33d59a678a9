#include "postgres/parameter.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace holdfast::postgres {
namespace {

std::string real_text(double real) {
  if (std::isnan(real)) return "NaN";
  if (std::isinf(real)) return real > 0 ? "Infinity" : "-Infinity";
  char text[40];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), real);
  return {text, end};
}

int checked_size(std::size_t size, std::string_view column) {
  if (size >= (std::size_t{1} << 30)) {
    throw Error(ErrorCode::kRecordRejected,
                fmt::format("column {}: PostgreSQL takes no value of a gigabyte", column));
  }
  return static_cast<int>(size);
}

}  // namespace

Parameter::Parameter(const Bound& bound) : value_(bound.value) {
  if (const auto* whole = std::get_if<std::int64_t>(value_)) number_ = std::to_string(*whole);
  if (const auto* real = std::get_if<double>(value_)) number_ = real_text(*real);
  if (const auto* text = std::get_if<std::string>(value_)) {
    size_ = checked_size(text->size(), bound.column);
    if (text->find('\0') != std::string::npos) {
      throw Error(ErrorCode::kRecordRejected,
                  fmt::format("column {}: PostgreSQL cannot hold a NUL in a text", bound.column));
    }
  }
  if (const auto* blob = std::get_if<Bytes>(value_)) {
    size_ = checked_size(blob->size(), bound.column);
    binary_ = true;
  }
}

const char* Parameter::bytes() const {
  if (is_null(*value_)) return nullptr;
  if (const auto* text = std::get_if<std::string>(value_)) return text->c_str();
  if (const auto* blob = std::get_if<Bytes>(value_)) {
    // libpq takes a null pointer for NULL.
    return blob->empty() ? "" : reinterpret_cast<const char*>(blob->data());
  }
  return number_.c_str();
}

}  // namespace holdfast::postgres
