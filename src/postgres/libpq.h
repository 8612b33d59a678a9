// libpq, PostgreSQL's client library, loaded when the first address or connection needs it: it
// brings some thirty libraries along (TLS, Kerberos, LDAP …), which every other start of the
// program would pay for with milliseconds.
#ifndef HOLDFAST_POSTGRES_LIBPQ_H_
#define HOLDFAST_POSTGRES_LIBPQ_H_

#include <libpq-fe.h>

namespace holdfast::postgres {

// Functions under their own names: libpq().PQstatus(connection). See the manual, "libpq - C
// Library".
struct Libpq {
#define HOLDFAST_LIBPQ(name) decltype(&::name) name;
#include "postgres/libpq_functions.def"
#undef HOLDFAST_LIBPQ
};
// Throws kUnsupported where the library is not installed.
const Libpq& libpq();

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_LIBPQ_H_
