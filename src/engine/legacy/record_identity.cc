#include "engine/legacy/record_identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "base/row_session.h"
#include "codec/keyed_hash.h"
#include "engine/records/write.h"

namespace holdfast::engine {
namespace {

// Of an emergency copy, where only the database would have told the record's key.
bool is_write_id(const std::string& said) {
  const auto grouped = parse_grouped_id(said);
  const std::string& own = grouped ? grouped->group : said;
  const bool is_numbered =
      !grouped || grouped->number.find_first_not_of("0123456789") == std::string::npos;
  return is_numbered && own.size() == new_write_id().size() &&
         own.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool has_key(const PartialRow& row, const RecordLayout& layout) {
  return std::ranges::all_of(
      layout.key, [&](std::size_t column) { return row[column] && !is_null(*row[column]); });
}

}  // namespace

IdentifiedRecord identify(const std::string& said, const Record& record,
                          const RecordLayout& layout) {
  PartialRow row = layout.mapping.to_row(record, layout.child_names);
  if (!said.empty() && !(is_write_id(said) && has_key(row, layout))) take_key(said, layout, row);
  Row key;
  for (const std::size_t column : layout.key) {
    if (!row[column] || is_null(*row[column])) {
      throw Error(ErrorCode::kRecordInvalid,
                  fmt::format("field {}: a record needs its key", layout.mapping.field_of(column)));
    }
    Value value = *row[column];
    if (layout.key.size() == 1) value = stored_alias(std::move(value), layout.collection);
    key.push_back(value);
    row[column] = std::move(value);
  }
  Record same = Record::array();
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (!row[i] || is_null(*row[i])) continue;
    const ColumnFacts& column = layout.mapping.columns()[i];
    Value value = *std::move(row[i]);
    const auto* whole = std::get_if<std::int64_t>(&value);
    if (whole != nullptr && column.kind == ColumnKind::kReal) value = static_cast<double>(*whole);
    same.push_back(column.name);
    same.push_back(value_to_json(value, column.kind));
  }
  for (const std::string& child : layout.child_names) {
    const auto rows = record.find(child);
    if (rows == record.end() || rows->empty()) continue;
    same.push_back(child);
    same.push_back(*rows);
  }
  IdentifiedRecord identified{.id = record_id(key, layout)};
  codec::KeyedHash(codec::SecretKey(), identified.version.size())
      .add(as_bytes(record_text(same)))
      .finish(identified.version);
  return identified;
}

}  // namespace holdfast::engine
