// How one record becomes a row: the part of RecordDatabase that a put is.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/records/child_rows.h"
#include "engine/records/record_database.h"

namespace holdfast::engine {
namespace {

struct PutRow {
  PartialRow row;
  std::optional<Row> key;  // empty: the database is to number it
};

PutRow row_to_put(const Write& write, const RecordLayout& layout) {
  PutRow put{.row = layout.mapping.to_row(write.record, layout.child_names), .key = Row()};
  if (!write.record_id.empty()) take_key(write.record_id, layout, put.row);
  for (const std::size_t column : layout.key) {
    auto& value = put.row[column];
    if (value && !is_null(*value)) {
      if (layout.key.size() == 1) value = stored_alias(*std::move(value), layout.collection);
      put.key->push_back(*value);
    } else if (layout.numbers_rows) {
      value.reset();
      put.key.reset();
    } else {
      throw Error(ErrorCode::kRecordInvalid,
                  fmt::format("field {}: a record needs its key", layout.mapping.field_of(column)));
    }
  }
  return put;
}

struct Columns {
  std::vector<std::string> names;
  Row values;

  void add(const std::string& name, const Value& value) {
    names.push_back(name);
    values.push_back(value);
  }
};

bool is_key(const RecordLayout& layout, std::size_t column) {
  return std::ranges::find(layout.key, column) != layout.key.end();
}

Columns columns_to_set(const PartialRow& row, const RecordLayout& layout) {
  Columns set;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] && !is_key(layout, i)) set.add(layout.mapping.columns()[i].name, *row[i]);
  }
  return set;
}

Columns columns_to_insert(const PartialRow& row, const RecordLayout& layout) {
  const PartialRow defaults = layout.mapping.to_row(layout.collection.defaults, layout.child_names);
  Columns insert;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto& value = row[i] ? row[i] : defaults[i];
    if (value) insert.add(layout.mapping.columns()[i].name, *value);
  }
  return insert;
}

// Constraints name columns; whose record it was, only we know.
Error named(const Error& error, const std::string& id, const std::string& collection) {
  return Error(error.code(), fmt::format("record {} of {}: {}", id, collection, error.happened()));
}

}  // namespace

// Asked of the rows as they are now: the condition is the database's to judge.
void RecordDatabase::refuse_excluded(const Write& write, const RecordLayout& its, const RowKey& key,
                                     const Row& row) {
  for (const auto& [table, where] : write.condition.exclusions) {
    const auto refuse_rows = [&](const RowKey& of) {
      const RowQuery excluded{.table = table,
                              .columns = {},
                              .conditions = equal_to(of),
                              .order = {},
                              .limit = {},
                              .where = where};
      if (session_->count(excluded) > 0) {
        throw Error(ErrorCode::kRecordExcluded,
                    fmt::format("a row of {} with {} may never come back", table, where));
      }
    };
    if (table == its.collection.table) refuse_rows(key);
    for (const ChildTable& child : its.collection.children) {
      if (table == child.table) {
        refuse_rows(belonging(its, row, child.parent, child.references));
      }
    }
  }
}

void RecordDatabase::put(const Write& write, const RecordLayout& its, WriteOutcome& outcome,
                         Expected& expected) {
  const PutRow put = row_to_put(write, its);
  outcome.record_id = put.key ? record_id(*put.key, its) : "";
  try {
    RowKey key;
    if (put.key) {
      key = key_of(its, *put.key);
      if (!write.condition.empty()) require(write, its, find(its, key));
      const Columns set = columns_to_set(put.row, its);
      const std::uint64_t there =
          set.names.empty() ? std::uint64_t{find(its, key).has_value()}
                            : session_->update(its.collection.table, set.names, set.values, key);
      if (there > 1) {
        throw Error(ErrorCode::kRecordRejected,
                    fmt::format("several rows of {} have this key", its.collection.table));
      }
      outcome.created = there == 0;
    } else {
      require(write, its, std::nullopt);
      outcome.created = true;
    }
    if (outcome.created) {
      const Columns insert = columns_to_insert(put.row, its);
      // A trigger may give a row another key than it was put with.
      const bool is_told = !put.key || its.has_triggers;
      Row told = session_->insert(its.collection.table, insert.names, insert.values,
                                  is_told ? its.collection.key : std::vector<std::string>());
      if (is_told) key = key_of(its, std::move(told));
    }
    auto row = find(its, key);
    if (!row) {
      throw Error(ErrorCode::kRecordRejected,
                  "the row is not there after it was written: a trigger has taken it away, or its "
                  "key became another one");
    }
    key.values.clear();
    for (const std::size_t column : its.key) key.values.push_back((*row)[column]);
    outcome.record_id = record_id(key.values, its);
    if (own_.is_buried(its.collection.table, key.values)) {
      if (!write.undelete) {
        throw Error(ErrorCode::kRecordDeleted, "it was deleted, and stays so");
      }
      own_.unbury(its.collection.table, key.values);
    }
    for (std::size_t i = 0; i < its.child_names.size(); ++i) {
      const auto wanted = write.record.find(its.child_names[i]);
      if (wanted != write.record.end()) save_children(*session_, its, i, *row, *wanted);
    }
    // Once more: triggers of the children may have changed it too.
    if (!its.child_names.empty()) row = find(its, key);
    if (row) refuse_excluded(write, its, key, *row);
    for (std::size_t i = 0; row && i < put.row.size(); ++i) {
      const ColumnFacts& column = its.mapping.columns()[i];
      if (!put.row[i] || holds_same(*put.row[i], (*row)[i], column.kind)) continue;
      if (session_->holds_equal(column, *put.row[i], (*row)[i])) continue;
      if (!its.has_triggers && its.child_names.empty()) {
        throw Error(ErrorCode::kRecordRejected,
                    fmt::format("column {} cannot hold {}: it would become {}", column.name,
                                record_text(value_to_json(*put.row[i], column.kind)).substr(0, 80),
                                record_text(value_to_json((*row)[i], column.kind)).substr(0, 80)));
      }
      outcome.adjusted.push_back(its.mapping.field_of(i));
    }
    const Select select = [&](const RowQuery& query) { return session_->select(query); };
    expected = {.layout = &its, .key = std::move(key), .row = std::move(row), .children = {}};
    for (std::size_t i = 0; expected.row && i < its.child_names.size(); ++i) {
      expected.children.push_back(read_children(select, its, i, *expected.row));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kRecordRejected && error.code() != ErrorCode::kRecordDeleted &&
        error.code() != ErrorCode::kRecordExcluded) {
      throw;
    }
    throw named(error, outcome.record_id, write.collection);
  }
}

}  // namespace holdfast::engine
