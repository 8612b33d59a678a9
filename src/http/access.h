// Who may ask: whoever shows a token, or, where there are none, whoever is on this machine.
#ifndef HOLDFAST_HTTP_ACCESS_H_
#define HOLDFAST_HTTP_ACCESS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/secret_key.h"
#include "http/request.h"

namespace holdfast::http {

inline constexpr std::size_t kShortestToken = 16;

// One a line; blanks around it, empty lines and those that begin with # do not count. Throws
// kConfiguration, naming `where`, for one that is short enough to be guessed, or if there is none.
std::vector<std::string> parse_tokens(std::string_view text, std::string_view where);

// Thread safe. Keeps only hashes of the tokens, and compares them in constant time.
class Access {
 public:
  explicit Access(const std::vector<std::string>& tokens);

  bool has_tokens() const { return !tokens_.empty(); }
  // kUnauthorized; without tokens kForbidden for what a web page of somebody else could make a
  // browser on this machine send: it names another host, or comes from another origin.
  std::optional<Error> refusal(const Request& head) const;

 private:
  codec::SecretKey digest(std::string_view token) const;

  codec::SecretKey key_;
  std::vector<codec::SecretKey> tokens_;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_ACCESS_H_
