// One value of one column, and what a table looks like to who reads and writes its rows: the words
// that the database engines and the layers above them share.
#ifndef HOLDFAST_BASE_VALUE_H_
#define HOLDFAST_BASE_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace holdfast {

// NULL, a whole number, a real number, text (its bytes need not be UTF-8 and may hold NULs), a
// blob.
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

inline bool is_null(const Value& value) { return value.index() == 0; }
// Of the same kind and bit for bit the same: a NaN is itself, and 0.0 is not -0.0.
bool is_identical(const Value& a, const Value& b);

// What a column prefers to hold. A column of SQLite may hold anything all the same. kDecimal: exact
// numbers of any length, which are texts here.
enum class ColumnKind { kAny, kInteger, kReal, kNumeric, kText, kBlob, kBoolean, kJson, kDecimal };

struct ColumnFacts {
  std::string name;
  ColumnKind kind = ColumnKind::kAny;
  bool required = false;  // NOT NULL without a default
  std::string declared_type = {};
};

struct TableFacts {
  std::string table;
  std::vector<ColumnFacts> columns;      // that can be written, in the order of the table
  std::vector<std::string> primary_key;  // in the order of the key; empty: there is none
  // The database numbers new rows itself where the (only) column of the key is left out.
  bool numbers_rows = false;
  bool has_triggers = false;

  // Names are compared as they are written. Empty if there is no such column.
  std::optional<std::size_t> column(std::string_view name) const;
};

}  // namespace holdfast

#endif  // HOLDFAST_BASE_VALUE_H_
