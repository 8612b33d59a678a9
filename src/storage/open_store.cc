#include "storage/open_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "storage/local/local_store.h"
#include "storage/s3/s3_store.h"

namespace holdfast::storage {
namespace {

Error wrong(std::string_view url, std::string_view why) {
  return Error(
      ErrorCode::kUsage, fmt::format("\"{}\" is not the place of a repository: {}", url, why), {},
      "Give a directory, such as /backup/app or file:///backup/app, or s3://BUCKET/PREFIX.");
}

// RFC 3986: a letter, then letters, digits, '+', '-' and '.'. Empty if `url` does not begin with
// "scheme://".
std::string scheme_of(std::string_view url) {
  const auto end = url.find("://");
  if (end == std::string_view::npos || end == 0) return {};
  std::string scheme(url.substr(0, end));
  for (char& letter : scheme) {
    const auto code = static_cast<unsigned char>(letter);
    if (!std::isalnum(code) && letter != '+' && letter != '-' && letter != '.') return {};
    letter = static_cast<char>(std::tolower(code));
  }
  return std::isalpha(static_cast<unsigned char>(scheme[0])) ? scheme : std::string();
}

env::Path path_of_file_url(std::string_view url) {
  std::string_view rest = url.substr(std::string_view("file://").size());
  if (rest.starts_with("localhost/")) rest.remove_prefix(std::string_view("localhost").size());
  if (!rest.starts_with('/')) {
    throw wrong(url, "a file:// URL has three slashes and an absolute path");
  }
  std::string path;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] != '%') {
      path += rest[i];
      continue;
    }
    std::string digits(rest.substr(i + 1, 2));
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](unsigned char digit) { return static_cast<char>(std::tolower(digit)); });
    std::array<std::byte, 1> byte{};
    if (!from_hex(digits, byte) || byte[0] == std::byte{0}) {
      throw wrong(url, "after '%' there must be two hexadecimal digits");
    }
    path += static_cast<char>(byte[0]);
    i += 2;
  }
  return path;
}

}  // namespace

std::unique_ptr<Store> open_store(std::string_view url, const StoreSurroundings& surroundings) {
  if (url.empty()) throw wrong(url, "it is empty");
  if (url.find('\0') != std::string_view::npos) throw wrong(url, "it holds a NUL");
  const std::string scheme = scheme_of(url);
  if (scheme == "s3") {
    return std::make_unique<S3Store>(parse_s3_url(url),
                                     S3Surroundings{.files = surroundings.files,
                                                    .clock = surroundings.clock,
                                                    .variables = surroundings.variables});
  }
  if (!scheme.empty() && scheme != "file") {
    throw wrong(url, fmt::format("nothing is known of {}://", scheme));
  }
  env::Path path = scheme == "file" ? path_of_file_url(url) : env::Path(url);
  // Absolute, so that the store stays where it is when the process changes its directory.
  path = std::filesystem::absolute(path).lexically_normal();
  if (!path.has_filename() && path.has_relative_path()) path = path.parent_path();
  return std::make_unique<LocalStore>(surroundings.files, std::move(path));
}

}  // namespace holdfast::storage
