// Help, manual page and completions, all made from the description of the program.
#ifndef HOLDFAST_CLI_HELP_H_
#define HOLDFAST_CLI_HELP_H_

#include <string>
#include <string_view>

#include "cli/description.h"

namespace holdfast::cli {

// The help of "backup", "key", "key add"; of the program for "". At most `width` columns.
std::string help_text(const ProgramDescription& program, std::string_view command, unsigned width);

// roff, for man(1), section 1.
std::string man_page(const ProgramDescription& program, std::string_view version);

// For "bash", "zsh" or "fish"; throws Error(kUsage) for any other shell.
std::string completion_script(const ProgramDescription& program, std::string_view shell);

// Words of `text` in lines of at most `width` columns, each after `indent` spaces; '\n' begins a
// paragraph.
std::string wrapped(std::string_view text, unsigned indent, unsigned width);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_HELP_H_
