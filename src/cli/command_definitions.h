// All commands and options in one table. Includes CLI11: only for the few files that parse.
#ifndef HOLDFAST_CLI_COMMAND_DEFINITIONS_H_
#define HOLDFAST_CLI_COMMAND_DEFINITIONS_H_

#include <CLI/CLI.hpp>
#include <span>

#include "cli/arguments.h"

namespace holdfast::cli {

struct CommandDefinition {
  const char* name;   // "key add": of the group "key"
  const char* alias;  // or ""
  Command command;
  const char* group;  // heading in the list; "": hidden
  const char* synopsis;
  const char* summary;
  const char* details;
  const char* examples;
  void (*add_options)(CLI::App& app, Arguments& arguments);
};

std::span<const CommandDefinition> command_definitions();
void add_global_options(CLI::App& app, Arguments& arguments);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_COMMAND_DEFINITIONS_H_
