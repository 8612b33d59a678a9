// HTTP requests to other machines, behind a seam that tests replace.
#ifndef HOLDFAST_ENV_HTTP_CLIENT_H_
#define HOLDFAST_ENV_HTTP_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace holdfast::env {

// Who signs a request, as AWS does (Signature Version 4). It covers every header of the request.
// Whoever asks for it sends the header x-amz-content-sha256, and sorts the parameters of the URL.
struct HttpSigner {
  std::string access_key, secret_key;
  std::string region, service;
};

struct HttpTimeouts {
  std::chrono::milliseconds connect{10'000};
  // Without a byte either way for so long, the connection counts as dead.
  std::chrono::seconds silence{30};
  std::chrono::milliseconds whole{600'000};
};

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<std::string> headers = {};  // "Name: value"
  ByteView body = {};                     // must stay as it is until send() returns
  std::optional<HttpSigner> signer = {};
  HttpTimeouts timeouts = {};
  std::uint64_t most_bytes = 1 << 20;  // of the body of the answer
  bool direct = false;                 // around any proxy
  std::stop_token stop = {};           // looked at about once a second
};

// Why there is no answer.
enum class HttpFailure {
  kNone,
  kHostUnknown,  // its name is not known
  kRefused,      // no connection: nothing was asked
  kUntrusted,    // the certificate is none that is trusted: nothing was asked
  kTimeout,
  kBroken,    // the connection ended, or the answer is not HTTP or not whole
  kTooLarge,  // the answer has more than most_bytes
  kStopped,
};

struct HttpHeader {
  std::string name;  // in small letters
  std::string value;
};

struct HttpAnswer {
  HttpFailure failure = HttpFailure::kNone;
  std::string problem = {};  // one phrase about the failure, without secrets
  int status = 0;
  std::vector<HttpHeader> headers = {};
  Bytes body = {};  // of a failure: what came of it, which counts for nothing

  // The first one of this name (small letters); empty if there is none.
  std::string_view header(std::string_view name) const;
};

// Thread safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Never follows a redirection. Throws kUnsupported where HTTP is not possible at all.
  virtual HttpAnswer send(const HttpRequest& request) = 0;
};

struct HttpClientOptions {
  std::string ca_file;  // PEM; instead of the system's authorities
};

// Over libcurl: HTTP/1.1, with TLS verified. Connections are kept for the next request of any
// thread; there are as many as there were requests at once. Descriptors are closed on exec. The
// library is loaded by the first request.
std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options);

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_HTTP_CLIENT_H_
