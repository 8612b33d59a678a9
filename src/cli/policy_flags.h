#ifndef HOLDFAST_CLI_POLICY_FLAGS_H_
#define HOLDFAST_CLI_POLICY_FLAGS_H_

#include <optional>

#include "cli/arguments.h"
#include "repository/retention.h"

namespace holdfast::cli {

// Empty if no flag was said at all. A count is a number from 0, or "all", "unlimited" or -1. Throws
// kUsage for anything else, and for flags that would keep nothing (--keep-last 0).
std::optional<repository::RetentionPolicy> parse_policy(const KeepFlags& flags);

// "75", "75%"; throws kUsage outside of least … 100.
double parse_percent(std::string_view option, std::string_view text, double least);
// "2.5": megabytes a second, as bytes a second; 0 for an empty text. Throws kUsage unless it is
// more than 0.
double parse_rate(std::string_view option, std::string_view text);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_POLICY_FLAGS_H_
