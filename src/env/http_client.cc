#include "env/http_client.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "env/libcurl.h"

namespace holdfast::env {
namespace {

constexpr long kUploadBuffer = 1 << 20, kDownloadBuffer = 512 << 10;
constexpr std::size_t kMostHeaders = 256;
constexpr std::size_t kMostIdle = 16;

class HeaderList {
 public:
  explicit HeaderList(const std::vector<std::string>& headers) {
    for (const std::string& header : headers) {
      curl_slist* longer = libcurl().curl_slist_append(list_, header.c_str());
      if (longer == nullptr) {
        libcurl().curl_slist_free_all(list_);
        throw std::bad_alloc();
      }
      list_ = longer;
    }
  }
  ~HeaderList() { libcurl().curl_slist_free_all(list_); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// One of libcurl's handles, with the connection that it keeps.
struct Connection {
  Connection() : handle(libcurl().curl_easy_init()) {
    if (handle == nullptr) throw std::bad_alloc();
  }
  ~Connection() { libcurl().curl_easy_cleanup(handle); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  CURL* const handle;
  curl_socket_t socket = CURL_SOCKET_BAD;  // the one opened last, if it is open
};

// What the callbacks of one request work on.
struct Exchange {
  const HttpRequest& request;
  const Connection& connection;
  HttpAnswer answer{};
  bool too_large = false;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

// Many a server sends a short body only when what it sent of the headers was acknowledged (Nagle's
// algorithm; Ceph's gateway does unless told otherwise), which the kernel puts off for 40 ms.
void acknowledge_now(const Connection& connection) {
  if (connection.socket == CURL_SOCKET_BAD) return;
  const int on = 1;
  ::setsockopt(connection.socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* into) {
  auto& [request, connection, answer, too_large] = *static_cast<Exchange*>(into);
  const std::string_view line(data, size * count);
  if (trimmed(line).empty()) acknowledge_now(connection);
  // Those of "100 Continue" are not the answer's.
  if (line.starts_with("HTTP/")) answer.headers.clear();
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || answer.headers.size() >= kMostHeaders) return line.size();
  HttpHeader header{.name = std::string(line.substr(0, colon)),
                    .value = std::string(trimmed(line.substr(colon + 1)))};
  for (char& letter : header.name) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  answer.headers.push_back(std::move(header));
  return line.size();
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* into) {
  auto& exchange = *static_cast<Exchange*>(into);
  const ByteView piece = as_bytes({data, size * count});
  Bytes& body = exchange.answer.body;
  if (body.empty()) {
    std::uint64_t announced = 0;
    const std::string_view length = exchange.answer.header("content-length");
    std::from_chars(length.data(), length.data() + length.size(), announced);
    body.reserve(std::min(announced, exchange.request.most_bytes));
  }
  if (piece.size() > exchange.request.most_bytes - body.size()) {
    exchange.too_large = true;
    return 0;
  }
  body.insert(body.end(), piece.begin(), piece.end());
  return piece.size();
}

int look_at_stop(void* into, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(into)->request.stop.stop_requested() ? 1 : 0;
}

// A child that is started meanwhile must not hold the connection.
curl_socket_t open_socket(void* connection, curlsocktype, curl_sockaddr* address) {
  return static_cast<Connection*>(connection)->socket =
             ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int close_socket(void* connection, curl_socket_t socket) {
  curl_socket_t& open = static_cast<Connection*>(connection)->socket;
  if (open == socket) open = CURL_SOCKET_BAD;
  return ::close(socket);
}

HttpFailure failure_of(CURLcode code, const Exchange& exchange) {
  switch (code) {
    case CURLE_OK:
      return HttpFailure::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return HttpFailure::kHostUnknown;
    case CURLE_COULDNT_CONNECT:
      return HttpFailure::kRefused;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
      return HttpFailure::kUntrusted;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpFailure::kTimeout;
    case CURLE_ABORTED_BY_CALLBACK:
      return HttpFailure::kStopped;
    case CURLE_WRITE_ERROR:
      return exchange.too_large ? HttpFailure::kTooLarge : HttpFailure::kBroken;
    case CURLE_OUT_OF_MEMORY:
      throw std::bad_alloc();
    case CURLE_FAILED_INIT:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      throw Error(ErrorCode::kUnsupported, fmt::format("libcurl cannot make this request: {}",
                                                       libcurl().curl_easy_strerror(code)));
    default:
      return HttpFailure::kBroken;
  }
}

class CurlClient : public HttpClient {
 public:
  explicit CurlClient(HttpClientOptions options) : options_(std::move(options)) {}

  HttpAnswer send(const HttpRequest& request) override {
    const HeaderList headers(request.headers);
    std::unique_ptr<Connection> connection = take();
    CURL* const handle = connection->handle;
    Exchange exchange{.request = request, .connection = *connection};
    prepare(*connection, exchange, headers.get());
    std::array<char, CURL_ERROR_SIZE> said{};
    set(handle, CURLOPT_ERRORBUFFER, said.data());
    const CURLcode code = libcurl().curl_easy_perform(handle);
    exchange.answer.failure = failure_of(code, exchange);
    if (code != CURLE_OK) {
      exchange.answer.problem = said[0] != '\0' ? said.data() : libcurl().curl_easy_strerror(code);
    }
    long status = 0;
    libcurl().curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    exchange.answer.status = static_cast<int>(status);
    // After a failure neither its connection nor its state is worth keeping.
    if (exchange.answer.failure == HttpFailure::kNone) give_back(std::move(connection));
    return std::move(exchange.answer);
  }

 private:
  std::unique_ptr<Connection> take() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) return std::make_unique<Connection>();
    // The one used last: it is the most likely to be still open.
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  void give_back(std::unique_ptr<Connection> connection) {
    libcurl().curl_easy_reset(connection->handle);  // which keeps it open
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
  }

  template <typename Value>
  static void set(CURL* handle, CURLoption option, Value value) {
    const CURLcode code = libcurl().curl_easy_setopt(handle, option, value);
    if (code == CURLE_OK) return;
    throw Error(ErrorCode::kUnsupported, fmt::format("libcurl does not take an option: {}",
                                                     libcurl().curl_easy_strerror(code)));
  }

  void prepare(Connection& connection, Exchange& exchange, curl_slist* headers) {
    CURL* const handle = connection.handle;
    const HttpRequest& request = exchange.request;
    set(handle, CURLOPT_NOSIGNAL, 1L);
    set(handle, CURLOPT_URL, request.url.c_str());
    set(handle, CURLOPT_PATH_AS_IS, 1L);
    set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(handle, CURLOPT_HTTPHEADER, headers);
    set(handle, CURLOPT_USERAGENT, "holdfast/" HOLDFAST_VERSION);
    set(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeouts.connect.count()));
    set(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.timeouts.silence.count()));
    set(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeouts.whole.count()));
    set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    set(handle, CURLOPT_BUFFERSIZE, kDownloadBuffer);
    set(handle, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
    if (!options_.ca_file.empty()) set(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
    if (request.direct) set(handle, CURLOPT_NOPROXY, "*");
    prepare_method(handle, request);
    if (request.signer) {
      const HttpSigner& signer = *request.signer;
      const std::string scheme = fmt::format("aws:amz:{}:{}", signer.region, signer.service);
      set(handle, CURLOPT_AWS_SIGV4, scheme.c_str());
      set(handle, CURLOPT_USERNAME, signer.access_key.c_str());
      set(handle, CURLOPT_PASSWORD, signer.secret_key.c_str());
    }
    set(handle, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(handle, CURLOPT_OPENSOCKETDATA, &connection);
    set(handle, CURLOPT_CLOSESOCKETFUNCTION, &close_socket);
    set(handle, CURLOPT_CLOSESOCKETDATA, &connection);
    set(handle, CURLOPT_HEADERFUNCTION, &take_header);
    set(handle, CURLOPT_HEADERDATA, &exchange);
    set(handle, CURLOPT_WRITEFUNCTION, &take_body);
    set(handle, CURLOPT_WRITEDATA, &exchange);
    set(handle, CURLOPT_NOPROGRESS, 0L);
    set(handle, CURLOPT_XFERINFOFUNCTION, &look_at_stop);
    set(handle, CURLOPT_XFERINFODATA, &exchange);
  }

  static void prepare_method(CURL* handle, const HttpRequest& request) {
    if (request.method == "HEAD") return set(handle, CURLOPT_NOBODY, 1L);
    if (request.method == "PUT" || request.method == "POST") {
      // From memory, so that it can be sent again where a kept connection has ended.
      set(handle, CURLOPT_POST, 1L);
      set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(handle, CURLOPT_POSTFIELDS,
          request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
    }
    set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  const HttpClientOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &HttpHeader::name);
  return found == headers.end() ? std::string_view() : found->value;
}

std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options) {
  return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace holdfast::env
