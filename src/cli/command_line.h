#ifndef HOLDFAST_CLI_COMMAND_LINE_H_
#define HOLDFAST_CLI_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/description.h"

namespace holdfast::cli {

struct ParsedLine {
  Arguments arguments;
  std::string
      help_for;  // with arguments.help: the command that help is wanted for, "" for the program
};

// `words` without the program's name. Throws Error(kUsage), suggesting what was probably meant.
ParsedLine parse_command_line(const std::vector<std::string>& words);

ProgramDescription describe_program();

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_COMMAND_LINE_H_
