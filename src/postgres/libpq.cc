#include "postgres/libpq.h"

#include "env/shared_library.h"

namespace holdfast::postgres {
namespace {

Libpq load_libpq() {
  const env::SharedLibrary library(
      {.file = "libpq.so.5",  // the ABI of libpq-fe.h since PostgreSQL 8.0
       .purpose = "a database of PostgreSQL needs",
       .remedy = "Install the client library of PostgreSQL (Debian: apt install libpq5)."});
  Libpq loaded;
#define HOLDFAST_LIBPQ(name) library.find(loaded.name, #name);
#include "postgres/libpq_functions.def"
#undef HOLDFAST_LIBPQ
  return loaded;
}

}  // namespace

const Libpq& libpq() {
  static const Libpq loaded = load_libpq();
  return loaded;
}

}  // namespace holdfast::postgres
