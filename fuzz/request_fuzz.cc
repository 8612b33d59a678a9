// A request as a stranger sends it: its head, how long its body is, and its chunks, which must come
// out the same however they arrive.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/error.h"
#include "http/record_requests.h"
#include "http/request.h"

namespace {

using holdfast::Error;
using namespace holdfast::http;

constexpr std::uint64_t kLimit = 4096;

std::optional<std::string> unchunked(const std::string& sent, std::size_t piece) {
  ChunkReader chunks(kLimit);
  std::string bytes, body;
  for (std::size_t at = 0; at < sent.size(); at += piece) {
    bytes += sent.substr(at, piece);
    if (chunks.take(bytes, body)) return body;
  }
  return std::nullopt;
}

void read_chunks(const std::string& sent) {
  std::optional<std::string> whole;
  bool refused = false;
  try {
    whole = unchunked(sent, sent.size() + 1);
  } catch (const Error&) {
    refused = true;
  }
  try {
    const auto pieces = unchunked(sent, 1);
    if (refused ? pieces.has_value() : pieces != whole) std::abort();
  } catch (const Error&) {
    if (!refused) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find("\r\n\r\n");
  const std::string head = text.substr(0, end == std::string::npos ? end : end + 4);
  try {
    Request request = parse_head(head);
    if (request.segments.empty()) std::abort();
    if (body_framing(request, kLimit).length > kLimit) std::abort();
    request.body = text.substr(head.size());
    if (asked_puts(request, "videos").items.size() > request.body.size() + 1) std::abort();
  } catch (const Error&) {
    // That is how what is no request is answered.
  }
  read_chunks(text.substr(head.size()));
  return 0;
}
