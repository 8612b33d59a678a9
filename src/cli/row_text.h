// Values and rows of a database as people read them.
#ifndef HOLDFAST_CLI_ROW_TEXT_H_
#define HOLDFAST_CLI_ROW_TEXT_H_

#include <cstddef>
#include <string>

#include "base/value.h"
#include "sqlite/row_difference.h"

namespace holdfast::cli {

// "NULL", "42", "1.5", "'it''s'", "x'00ff'". Text and blobs of more than `most` bytes are cut, from
// byte `start` on where that is not their beginning; most 0: never.
std::string value_text(const Value& value, std::size_t most, std::size_t start = 0);

// "  + id=7: title='x', views=3\n", "  - …", "  ~ id=4: views=3 → 4\n". Of a long value that
// changed, the part is shown where it did.
std::string row_text(const sqlite::ComparedTable& table, const sqlite::RowDifference& row,
                     bool whole, bool color);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_ROW_TEXT_H_
