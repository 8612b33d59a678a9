#include "env/libcurl.h"

#include <fmt/format.h>

#include "base/error.h"
#include "env/shared_library.h"

namespace holdfast::env {
namespace {

// Before it, AWS signatures did not cover the headers of the request.
constexpr unsigned kOldestVersion = 0x075800;  // 7.88.0

Libcurl load_libcurl() {
  const SharedLibrary library(
      {.file = "libcurl.so.4",
       .purpose = "a store that is reached by HTTP needs",
       .remedy = "Install libcurl 7.88 or later (Debian: apt install libcurl4)."});
  Libcurl loaded;
#define HOLDFAST_LIBCURL(name) library.find(loaded.name, #name);
#include "env/libcurl_functions.def"
#undef HOLDFAST_LIBCURL
  const curl_version_info_data* version = loaded.curl_version_info(CURLVERSION_NOW);
  if (version->version_num < kOldestVersion) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("libcurl {} is too old to sign requests of S3", version->version), {},
                "Install libcurl 7.88 or later.");
  }
  if (loaded.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    throw Error(ErrorCode::kUnsupported, "libcurl cannot be initialised");
  }
  return loaded;
}

}  // namespace

const Libcurl& libcurl() {
  static const Libcurl loaded = load_libcurl();
  return loaded;
}

}  // namespace holdfast::env
