#ifndef HOLDFAST_CLI_LEASE_WAIT_H_
#define HOLDFAST_CLI_LEASE_WAIT_H_

#include <chrono>
#include <string_view>

namespace holdfast::cli {

// "30s", "2m", "0s"; half a minute for "". Throws kUsage for anything else.
std::chrono::milliseconds parse_lease_wait(std::string_view text);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_LEASE_WAIT_H_
