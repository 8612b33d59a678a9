// What a statement answered, as values.
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "base/error.h"
#include "postgres/connection.h"
#include "postgres/document_numbers.h"
#include "postgres/libpq.h"
#include "postgres/types.h"

namespace holdfast::postgres {
namespace {

template <typename Number>
Number parsed(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::kPostgres, fmt::format("the server sent \"{}\" for a number", text));
  }
  return number;
}

double real_of(std::string_view text) {
  // strtod, because from_chars has no answer for what is too small, and these are always valid.
  return std::strtod(std::string(text).c_str(), nullptr);
}

Bytes blob_of(std::string_view hex) {
  if (!hex.starts_with("\\x")) {
    throw Error(ErrorCode::kPostgres, "the server sent a blob that is not hexadecimal");
  }
  const auto digit = [](char c) {
    return static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c - '0') & 15u;
  };
  Bytes bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 2; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>((digit(hex[i]) << 4) | digit(hex[i + 1])));
  }
  return bytes;
}

}  // namespace

void Result::clear(pg_result* result) { libpq().PQclear(result); }
std::size_t Result::rows() const {
  return static_cast<std::size_t>(libpq().PQntuples(result_.get()));
}
std::size_t Result::columns() const {
  return static_cast<std::size_t>(libpq().PQnfields(result_.get()));
}
std::string_view Result::command() const { return libpq().PQcmdStatus(result_.get()); }

std::uint64_t Result::affected() const {
  const std::string_view count = libpq().PQcmdTuples(result_.get());
  return count.empty() ? 0 : parsed<std::uint64_t>(count);
}

bool Result::is_null(std::size_t row, std::size_t column) const {
  return libpq().PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}

std::string_view Result::text(std::size_t row, std::size_t column) const {
  const int r = static_cast<int>(row), c = static_cast<int>(column);
  return {libpq().PQgetvalue(result_.get(), r, c),
          static_cast<std::size_t>(libpq().PQgetlength(result_.get(), r, c))};
}

std::int64_t Result::number(std::size_t row, std::size_t column) const {
  return parsed<std::int64_t>(text(row, column));
}

Value Result::value(std::size_t row, std::size_t column) const {
  if (is_null(row, column)) return {};
  std::string_view bytes = text(row, column);
  const unsigned type = libpq().PQftype(result_.get(), static_cast<int>(column));
  switch (kind_of_type(type)) {
    case ColumnKind::kInteger:
      return parsed<std::int64_t>(bytes);
    case ColumnKind::kReal:
      return real_of(bytes);
    case ColumnKind::kBoolean:
      return std::int64_t{bytes == "t" ? 1 : 0};
    case ColumnKind::kBlob:
      return blob_of(bytes);
    case ColumnKind::kJson:
      return with_readable_numbers(bytes);
    default:
      break;
  }
  // Blanks at the end of char(n) are none of the value: the type itself says so.
  if (type == kPaddedText) {
    const auto last = bytes.find_last_not_of(' ');
    bytes = bytes.substr(0, last == std::string_view::npos ? 0 : last + 1);
  }
  return std::string(bytes);
}

Row Result::row(std::size_t number, std::size_t columns) const {
  Row values(columns);
  for (std::size_t i = 0; i < columns; ++i) values[i] = value(number, i);
  return values;
}

}  // namespace holdfast::postgres
