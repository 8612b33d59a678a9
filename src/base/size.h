// Sizes as people read and write them: MB = 10^6 bytes, MiB = 2^20.
#ifndef HOLDFAST_BASE_SIZE_H_
#define HOLDFAST_BASE_SIZE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// "0 B", "999 B", "1.5 kB", "506.2 MB", "1.4 GB": powers of 1000, at most one decimal.
std::string format_size(std::uint64_t bytes);
// "512", "10MB", "1 GB", "16MiB" in any case; empty for anything else or beyond 2^63.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace holdfast

#endif  // HOLDFAST_BASE_SIZE_H_
