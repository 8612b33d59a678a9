// What a client asks, and the reading of it. Everything here comes from somebody who may mean ill:
// what is not plain HTTP/1.1 is refused (kRequestInvalid, kRequestTooLarge), never guessed at.
//
// Requests are read by code of our own because the limits have to hold before anything is kept:
// see ARCHITECTURE.md, "Dependencies". RFC 9112 is the reference.
#ifndef HOLDFAST_HTTP_REQUEST_H_
#define HOLDFAST_HTTP_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::http {

struct Header {
  std::string name;  // in lower case
  std::string value;
};

struct Request {
  std::string method;
  std::string path;                                        // as sent, without the query
  std::vector<std::string> segments;                       // of the path, decoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::vector<Header> headers;
  std::string body;
  bool keep_alive = true;

  // The first of this name (lower case), or null.
  const std::string* header(std::string_view name) const;
  const std::string* parameter(std::string_view name) const;
};

// Counts that no honest client comes near.
inline constexpr std::size_t kMostHeaders = 100;
inline constexpr std::size_t kMostParameters = 100;

// `head` ends with the empty line. Throws kRequestInvalid.
Request parse_head(std::string_view head);

// How the body of a request is delimited. Throws kRequestInvalid where two readers could disagree
// about it (that is how requests are smuggled), kRequestTooLarge beyond `limit`.
struct BodyFraming {
  bool chunked = false;
  std::uint64_t length = 0;  // where it is not chunked
};
BodyFraming body_framing(const Request& head, std::uint64_t limit);

// A chunked body, piece by piece. Throws kRequestInvalid, kRequestTooLarge.
class ChunkReader {
 public:
  explicit ChunkReader(std::uint64_t limit) : limit_(limit) {}
  // Takes what belongs to the body from the front of `bytes`, and appends its content to `body`.
  // True when the body has ended; what comes behind it stays in `bytes`.
  bool take(std::string& bytes, std::string& body);

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer };
  std::uint64_t limit_;
  std::uint64_t left_ = 0, trailer_bytes_ = 0;
  State state_ = State::kSize;
};

// "%C3%BC" → "ü"; `plus` makes "+" a blank, as in a query. Empty if an escape is none.
std::optional<std::string> percent_decoded(std::string_view text, bool plus);

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_REQUEST_H_
