#include "engine/exports/pending_records.h"

#include "base/error.h"

namespace holdfast::engine {

PendingRecords::PendingRecords(const RecordLayout& layout, std::span<const Write> writes) {
  for (const Write& write : writes) {
    if (write.collection != layout.collection.name || write.kind == WriteKind::kUndelete) continue;
    try {
      if (write.kind == WriteKind::kDelete) {
        by_id_[record_id(key_from_id(write.record_id, layout), layout)] = {
            .deleted = true, .seen = false, .row = {}};
        continue;
      }
      PartialRow row = layout.mapping.to_row(write.record, layout.child_names);
      if (!write.record_id.empty()) take_key(write.record_id, layout, row);
      std::vector<Value> key;
      for (const std::size_t column : layout.key) {
        if (!row[column]) break;
        row[column] = stored_alias(std::move(*row[column]), layout.collection);
        key.push_back(*row[column]);
      }
      if (key.size() != layout.key.size()) continue;  // it has no id before it is stored
      Change& change = by_id_[record_id(key, layout)];
      if (change.deleted || change.row.empty()) {
        change = {.deleted = false, .seen = change.seen, .row = std::move(row)};
        continue;
      }
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i]) change.row[i] = std::move(row[i]);
      }
    } catch (const Error&) {
      // The drain will set it aside and say so.
    }
  }
}

bool PendingRecords::lay_over(const std::string& id, Row& row) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return true;
  Change& change = found->second;
  change.seen = true;
  if (change.deleted) return false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (change.row[i]) row[i] = *change.row[i];
  }
  return true;
}

std::vector<Row> PendingRecords::rest() const {
  std::vector<Row> rows;
  for (const auto& [id, change] : by_id_) {
    if (change.seen || change.deleted) continue;
    Row row(change.row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (change.row[i]) row[i] = *change.row[i];
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace holdfast::engine
