// Errors of a PostgreSQL server as ours.
#ifndef HOLDFAST_POSTGRES_POSTGRES_ERROR_H_
#define HOLDFAST_POSTGRES_POSTGRES_ERROR_H_

#include <string>
#include <string_view>

#include "base/error.h"

struct pg_result;

namespace holdfast::postgres {

// What a server says about a statement that failed.
struct Failure {
  std::string state;  // SQLSTATE; empty: it came from no server
  std::string message, detail, context, table, column, constraint;
};
Failure failure_of(const pg_result* result);

// https://www.postgresql.org/docs/current/errcodes-appendix.html
ErrorCode code_of_state(std::string_view state);
// The code for a message that came instead of a connection, which has no SQLSTATE.
ErrorCode code_of_refusal(std::string_view message);
// Of an error that is not about values: those name columns, see RowStore.
std::string text_of(const Failure& failure);

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_POSTGRES_ERROR_H_
