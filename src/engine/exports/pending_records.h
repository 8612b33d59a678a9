// What is acknowledged but not in the database yet, laid over its rows.
#ifndef HOLDFAST_ENGINE_EXPORTS_PENDING_RECORDS_H_
#define HOLDFAST_ENGINE_EXPORTS_PENDING_RECORDS_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/row_reader.h"
#include "engine/records/record_mapping.h"
#include "engine/records/write.h"

namespace holdfast::engine {

// As far as can be told without the database: triggers, tombstones and defaults of columns are its
// own matter, and what it will refuse is shown until then.
class PendingRecords {
 public:
  PendingRecords(const RecordLayout& layout, std::span<const Write> writes);

  bool empty() const { return by_id_.empty(); }
  // The row as it will be. False if its record is deleted.
  bool lay_over(const std::string& id, Row& row);
  // Those that no row had: in the order of their ids.
  std::vector<Row> rest() const;

 private:
  struct Change {
    bool deleted = false, seen = false;
    PartialRow row;
  };

  std::map<std::string, Change> by_id_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_PENDING_RECORDS_H_
