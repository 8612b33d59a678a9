// What an answer of S3 that is not the wanted one means: whether to try again, and what to say.
#ifndef HOLDFAST_STORAGE_S3_S3_ERROR_H_
#define HOLDFAST_STORAGE_S3_S3_ERROR_H_

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "env/http_client.h"
#include "storage/s3/s3_options.h"

namespace holdfast::storage {

enum class Verdict {
  kTransient,   // the same request may succeed in a moment
  kPermanent,   // it will not, until somebody does something
  kSuspicious,  // no server of S3 answers like this: a proxy, a captive portal, a faulty machine
};
std::string_view verdict_name(Verdict verdict);

struct Diagnosis {
  Verdict verdict = Verdict::kPermanent;
  Error error;
  bool credentials_refused = false;  // others may have come meanwhile
};

// `doing` is what was asked for ("store packs/ab"); `now` by this machine's clock.
Diagnosis diagnose(const env::HttpAnswer& answer, const S3Options& options, std::string_view doing,
                   Time now);
// An answer that was successful, but cannot be right: `problem` says why.
Diagnosis suspicious(const S3Options& options, std::string_view doing, std::string_view problem);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_S3_ERROR_H_
