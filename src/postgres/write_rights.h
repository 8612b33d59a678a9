// Whether records may be written to a PostgreSQL database, asked without writing any.
#ifndef HOLDFAST_POSTGRES_WRITE_RIGHTS_H_
#define HOLDFAST_POSTGRES_WRITE_RIGHTS_H_

#include <span>
#include <string>

#include "postgres/connection.h"

namespace holdfast::postgres {

// Tables that are not there are passed over; of `own` ones the right to make them is asked then.
// Throws kPermissionDenied, kUnavailable where nothing can be written, and what keeps the server
// from being reached.
void expect_writable(const Address& address, Timeouts timeouts, std::span<const std::string> tables,
                     std::span<const std::string> own);

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_WRITE_RIGHTS_H_
