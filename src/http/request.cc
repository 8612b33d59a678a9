#include "http/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace holdfast::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kLongestChunkLine = 256;
constexpr std::size_t kLongestTrailer = 4096;

Error invalid(std::string_view what) {
  return Error(ErrorCode::kRequestInvalid, fmt::format("the request is no HTTP: {}", what));
}

Error too_large(std::uint64_t limit) {
  return Error(ErrorCode::kRequestTooLarge,
               fmt::format("the body of the request is larger than {} bytes", limit));
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// The text before `end`, which is taken away with it.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + end.size());
  return taken;
}

std::string decoded(std::string_view text, bool plus) {
  auto plain = percent_decoded(text, plus);
  if (!plain) throw invalid("a percent sign without two hexadecimal digits");
  return *std::move(plain);
}

void parse_target(std::string_view target, Request& request) {
  const bool printable = std::ranges::all_of(
      target, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
  if (!target.starts_with('/') || !printable) throw invalid("its target is no path");
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  std::string_view path = request.path;
  path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    request.segments.push_back(decoded(path.substr(0, slash), false));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  if (question == std::string_view::npos) return;
  std::string_view query = target.substr(question + 1);
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    if (request.query.size() == kMostParameters) throw invalid("too many parameters");
    const auto equals = std::min(pair.find('='), pair.size());
    request.query.emplace_back(decoded(pair.substr(0, equals), true),
                               decoded(pair.substr(std::min(equals + 1, pair.size())), true));
  }
}

void parse_header(std::string_view line, Request& request) {
  if (request.headers.size() == kMostHeaders) throw invalid("too many headers");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    throw invalid("a header without a name");
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (std::ranges::any_of(value, [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
      })) {
    throw invalid("a header with control characters");
  }
  request.headers.push_back({lower(line.substr(0, colon)), std::string(value)});
}

bool lists(std::string_view value, std::string_view wanted) {
  const std::string lowered = lower(value);
  std::string_view rest = lowered;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    if (trimmed(rest.substr(0, end)) == wanted) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::size_t count_of(const Request& request, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count(request.headers, name, &Header::name));
}

}  // namespace

const std::string* Request::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? nullptr : &found->value;
}

const std::string* Request::parameter(std::string_view name) const {
  const auto found = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  return found == query.end() ? nullptr : &found->second;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      plain += ' ';
    } else if (text[i] != '%') {
      plain += text[i];
    } else {
      unsigned value = 0;
      const char* const first = text.data() + i + 1;
      const bool whole = i + 2 < text.size();
      if (!whole || std::from_chars(first, first + 2, value, 16).ptr != first + 2) {
        return std::nullopt;
      }
      plain += static_cast<char>(value);
      i += 2;
    }
  }
  return plain;
}

Request parse_head(std::string_view head) {
  Request request;
  const auto line = take_until(head, kLineEnd);
  if (!line) throw invalid("no request line");
  std::string_view rest = *line;
  const auto method = take_until(rest, " ");
  const auto target = take_until(rest, " ");
  if (!method || !target || !is_token(*method)) throw invalid("its first line is none");
  if (rest != "HTTP/1.1" && rest != "HTTP/1.0") throw invalid("its version is not 1.0 or 1.1");
  request.method = *method;
  request.keep_alive = rest == "HTTP/1.1";
  parse_target(*target, request);
  for (;;) {
    const auto header = take_until(head, kLineEnd);
    if (!header) throw invalid("its head has no end");
    if (header->empty()) break;
    parse_header(*header, request);
  }
  if (!head.empty()) throw invalid("something behind its head");
  const auto hosts = count_of(request, "host");
  if (hosts > 1 || (hosts == 0 && request.keep_alive)) throw invalid("it needs one Host");
  if (const auto* connection = request.header("connection")) {
    if (lists(*connection, "close")) request.keep_alive = false;
  }
  return request;
}

BodyFraming body_framing(const Request& head, std::uint64_t limit) {
  const auto* coding = head.header("transfer-encoding");
  const auto* length = head.header("content-length");
  if (coding != nullptr) {
    if (length != nullptr || count_of(head, "transfer-encoding") > 1 ||
        lower(*coding) != "chunked") {
      throw invalid("how long its body is cannot be told");
    }
    return {.chunked = true};
  }
  if (length == nullptr) return {};
  BodyFraming framing;
  const char* const end = length->data() + length->size();
  const auto [parsed, failed] = std::from_chars(length->data(), end, framing.length);
  if (count_of(head, "content-length") > 1 || parsed != end ||
      (failed != std::errc() && failed != std::errc::result_out_of_range)) {
    throw invalid("its Content-Length is no number");
  }
  if (failed == std::errc::result_out_of_range || framing.length > limit) throw too_large(limit);
  return framing;
}

bool ChunkReader::take(std::string& bytes, std::string& body) {
  std::string_view rest = bytes;
  bool ended = false;
  while (!ended) {
    if (state_ == State::kData) {
      const auto piece =
          rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
      body += piece;
      rest.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ > 0) break;
      state_ = State::kDataEnd;
      continue;
    }
    const std::size_t longest = state_ == State::kTrailer ? kLongestTrailer : kLongestChunkLine;
    const auto line = take_until(rest, kLineEnd);
    // However it arrives: a line that has not ended may lack its last byte.
    if (line ? line->size() > longest : rest.size() > longest + 1) {
      throw invalid("a line between chunks is too long");
    }
    if (!line) break;
    if (state_ == State::kDataEnd) {
      if (!line->empty()) throw invalid("a chunk is longer than it says");
      state_ = State::kSize;
    } else if (state_ == State::kSize) {
      const std::string_view digits = trimmed(line->substr(0, line->find(';')));
      const char* const end = digits.data() + digits.size();
      const auto [parsed, failed] = std::from_chars(digits.data(), end, left_, 16);
      if (digits.empty() || digits.front() == '-' || parsed != end || digits.size() > 16) {
        throw invalid("a chunk has no length");
      }
      if (failed != std::errc() || left_ > limit_ || body.size() + left_ > limit_) {
        throw too_large(limit_);
      }
      state_ = left_ == 0 ? State::kTrailer : State::kData;
    } else {
      trailer_bytes_ += line->size();
      if (trailer_bytes_ > kLongestTrailer) throw invalid("its trailer is too long");
      ended = line->empty();
    }
  }
  bytes.erase(0, bytes.size() - rest.size());
  return ended;
}

}  // namespace holdfast::http
