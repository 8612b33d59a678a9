// Numbers and times as people read them.
#ifndef HOLDFAST_CLI_WORDING_H_
#define HOLDFAST_CLI_WORDING_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::cli {

std::string with_separators(std::uint64_t number);                     // "1,234,567"
std::string counted(std::uint64_t number, std::string_view singular);  // "1 page", "2 pages"
std::string format_seconds(double seconds);  // "32 ms", "1.4 s", "3 min 20 s", "2 h 5 min"
std::string format_days(double days);        // "5 hours", "12 days", "3.4 years"
std::string format_percent(double percent);  // "0.04 %", "3.1 %", "98 %"
// The text without what a terminal would take for commands: control characters become '?', save for
// ends of lines.
std::string printable(std::string_view text);
// Columns that the text takes on a terminal: code points, combining marks not counted.
std::size_t display_width(std::string_view text);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_WORDING_H_
