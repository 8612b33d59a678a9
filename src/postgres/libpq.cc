#include "postgres/libpq.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::postgres {
namespace {

constexpr const char* kLibrary = "libpq.so.5";  // the ABI of libpq-fe.h since PostgreSQL 8.0

Error not_loaded() {
  const char* said = dlerror();
  return Error(ErrorCode::kUnsupported,
               fmt::format("{}, which a database of PostgreSQL needs, cannot be loaded: {}",
                           kLibrary, said == nullptr ? "?" : said),
               {}, "Install the client library of PostgreSQL (Debian: apt install libpq5).");
}

// Never unloaded: OpenSSL and others leave handlers for the end of the process.
Libpq load_libpq() {
  void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw not_loaded();
  const auto find = [library]<typename Function>(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (function == nullptr) throw not_loaded();
  };
  Libpq loaded;
#define HOLDFAST_LIBPQ(name) find(loaded.name, #name);
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
