// Values in and out of prepared statements.
#ifndef HOLDFAST_SQLITE_VALUE_BINDING_H_
#define HOLDFAST_SQLITE_VALUE_BINDING_H_

#include "base/value.h"
#include "sqlite/statement.h"

namespace holdfast::sqlite {

// Parameters count from 1, columns from 0. The value must outlive the statement's run.
void bind_value(Statement& statement, int parameter, const Value& value);
Value column_value(const Statement& statement, int column);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_VALUE_BINDING_H_
