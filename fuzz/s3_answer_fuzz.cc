// Whatever may answer in the place of a store of S3, and the files that AWS tools keep.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "storage/s3/aws_profile.h"
#include "storage/s3/credentials.h"
#include "storage/s3/s3_answers.h"
#include "storage/s3/xml_document.h"

namespace {

using namespace holdfast;
using namespace holdfast::storage;

template <typename Read>
void refuse_or_read(const Read& read) {
  try {
    read();
  } catch (const Error&) {
    // That is how it refuses.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto root = parse_xml(text)) {
    const auto again = parse_xml("<x>" + xml_text(root->text) + "</x>");
    if (!again || again->text != root->text) std::abort();
  }
  parse_error_body(text);
  if (const auto page = parse_list_page(text)) {
    for (const ListedObject& object : page->objects) {
      if (percent_decode(percent_encode(object.key, true), true) != object.key) std::abort();
    }
  }
  if (const auto page = parse_versions_page(text)) {
    for (const ListedVersion& version : page->versions) {
      if (version.key.empty() || version.version.empty()) std::abort();
    }
  }
  parse_uploads_page(text);
  parse_upload_id(text);
  parse_delete_result(text);
  parse_http_date(text);
  if (const auto range = parse_content_range(text); range && range->last >= range->total) {
    std::abort();
  }
  refuse_or_read([&] { parse_s3_url(text); });
  refuse_or_read([&] { parse_aws_file(text, "file"); });
  refuse_or_read([&] { parse_metadata_credentials(text, "metadata"); });
  return 0;
}
