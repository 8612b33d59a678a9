// libcurl, loaded when the first request is made (env/shared_library.h).
#ifndef HOLDFAST_ENV_LIBCURL_H_
#define HOLDFAST_ENV_LIBCURL_H_

#include <curl/curl.h>

namespace holdfast::env {

// Functions under their own names: libcurl().curl_easy_init(). See https://curl.se/libcurl/c/.
struct Libcurl {
#define HOLDFAST_LIBCURL(name) decltype(&::name) name;
#include "env/libcurl_functions.def"
#undef HOLDFAST_LIBCURL
};
// Throws kUnsupported where the library is not installed, or too old to sign requests as S3 wants.
const Libcurl& libcurl();

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_LIBCURL_H_
