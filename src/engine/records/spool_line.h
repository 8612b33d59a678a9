// One write as a line of a spool file.
#ifndef HOLDFAST_ENGINE_RECORDS_SPOOL_LINE_H_
#define HOLDFAST_ENGINE_RECORDS_SPOOL_LINE_H_

#include <optional>
#include <string>
#include <string_view>

#include "engine/records/write.h"

namespace holdfast::engine {

// The write without its record: {"collection", "id", "kind", "record_id", "time", "undelete"}, and
// "digest" where it has one.
Record write_document(const Write& write);

std::string spool_line(const Write& write);  // with its newline
// Without the newline. Empty if it is damaged.
std::optional<Write> parse_spool_line(std::string_view line);

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_SPOOL_LINE_H_
