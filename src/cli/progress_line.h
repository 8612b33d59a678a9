#ifndef HOLDFAST_CLI_PROGRESS_LINE_H_
#define HOLDFAST_CLI_PROGRESS_LINE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::cli {

// One line of fewer than `width` columns: "Reading app  ██████░░░░  62 %  812 MB/s  0:03 left".
// `total` 0: unknown.
std::string progress_line(std::string_view stage, std::uint64_t done, std::uint64_t total,
                          double seconds, unsigned width);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_PROGRESS_LINE_H_
