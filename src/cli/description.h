// The commands as data: what help, man page and completions are made from.
#ifndef HOLDFAST_CLI_DESCRIPTION_H_
#define HOLDFAST_CLI_DESCRIPTION_H_

#include <string>
#include <vector>

namespace holdfast::cli {

struct OptionDescription {
  std::string short_name;            // "-r"; empty if it has none
  std::string long_name;             // "--repo"
  std::string value;                 // "PATH"; empty for a switch
  bool optional_value = false;       // "--read-data[=PERCENT]"
  std::vector<std::string> choices;  // for completion
  std::string text;
};

struct CommandDescription {
  std::string name;      // "key add"
  std::string synopsis;  // "[DB…]"
  std::string summary;   // one line
  std::string details;   // paragraphs
  std::string examples;  // lines: "command  # what it does"
  std::string group;     // heading in the list of commands; empty: not listed
  std::vector<std::string> aliases;
  std::vector<OptionDescription> options;
};

struct ProgramDescription {
  std::vector<CommandDescription> commands;
  std::vector<OptionDescription> global_options;
};

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_DESCRIPTION_H_
