#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/wording.h"

namespace holdfast::cli {
namespace {

constexpr auto kGroups =
    std::to_array<std::string_view>({"Everyday", "Records", "History", "Upkeep", "Other"});
constexpr unsigned kIndent = 2;
constexpr std::size_t kWidestName = 26, kCommandColumn = 15;

std::string option_names(const OptionDescription& option) {
  std::string names = option.short_name.empty() ? "    " : option.short_name + ", ";
  names += option.long_name;
  if (option.value.empty()) return names;
  return names + (option.optional_value ? fmt::format("[={}]", option.value) : " " + option.value);
}

struct Entry {
  std::string name, text;
};

// Two columns; a name too long for the first stands on a line of its own.
std::string entries_text(const std::vector<Entry>& entries, unsigned width,
                         std::size_t column = 0) {
  for (const Entry& entry : entries) {
    const std::size_t taken = display_width(entry.name);
    if (taken <= kWidestName) column = std::max(column, taken);
  }
  const auto indent = static_cast<unsigned>(column) + kIndent + 2;
  std::string text;
  for (const Entry& entry : entries) {
    const std::size_t taken = display_width(entry.name);
    std::string rest = wrapped(entry.text, indent, width);
    text += std::string(kIndent, ' ') + entry.name;
    if (taken > column) {
      text += "\n" + rest;
    } else {
      text += std::string(column - taken + 2, ' ') +
              rest.substr(std::min<std::size_t>(indent, rest.size()));
    }
  }
  return text;
}

std::string options_text(std::string_view heading, const std::vector<OptionDescription>& options,
                         unsigned width) {
  if (options.empty()) return "";
  std::vector<Entry> entries;
  entries.reserve(options.size());
  for (const OptionDescription& option : options) {
    entries.push_back({option_names(option), option.text});
  }
  return fmt::format("\n{}:\n{}", heading, entries_text(entries, width));
}

std::string examples_text(const CommandDescription& command) {
  if (command.examples.empty()) return "";
  std::string text = "\nExamples:\n";
  std::string_view rest = command.examples;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    text += fmt::format("  {}\n", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return text;
}

std::string usage_line(const CommandDescription& command) {
  std::string line = fmt::format("Usage: holdfast {}", command.name);
  if (!command.options.empty()) line += " [OPTION…]";
  if (!command.synopsis.empty()) line += " " + command.synopsis;
  return line + "\n";
}

std::string command_help(const CommandDescription& command, unsigned width) {
  std::string summary = command.summary;
  summary.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(summary.front())));
  std::string text = fmt::format("{}\n{}", usage_line(command), wrapped(summary + ".", 0, width));
  for (const std::string& alias : command.aliases) text += fmt::format("Also called: {}\n", alias);
  if (!command.details.empty()) text += "\n" + wrapped(command.details, 0, width);
  text += options_text("Options", command.options, width);
  text += "\nOptions that every command takes: holdfast --help\n";
  return text + examples_text(command);
}

std::string command_list(const ProgramDescription& program, std::string_view prefix,
                         unsigned width) {
  std::string text;
  for (const std::string_view group : kGroups) {
    std::vector<Entry> entries;
    for (const CommandDescription& command : program.commands) {
      if (command.group != group || !command.name.starts_with(prefix)) continue;
      std::string name = command.name;
      for (const std::string& alias : command.aliases) name += ", " + alias;
      entries.push_back({name, command.summary});
    }
    if (!entries.empty())
      text += fmt::format("\n{}:\n{}", group, entries_text(entries, width, kCommandColumn));
  }
  return text;
}

std::string program_help(const ProgramDescription& program, unsigned width) {
  std::string text =
      "Usage: holdfast COMMAND [OPTION…] [WORD…]\n\n"
      "Keeps the history of SQLite databases in an encrypted repository, and proves that it can be "
      "restored.\n";
  text = wrapped(text, 0, width);
  text += command_list(program, "", width);
  text += options_text("Options that every command takes", program.global_options, width);
  text += "\nEnvironment:\n" +
          entries_text({{"HOLDFAST_REPO", "the repository"},
                        {"HOLDFAST_PASSPHRASE", "its passphrase"},
                        {"HOLDFAST_PASSPHRASE_FILE", "a file whose first line is the passphrase"},
                        {"HOLDFAST_CONFIG", "the configuration"}},
                       width);
  return text +
         "\nExamples:\n"
         "  export HOLDFAST_REPO=/backup/app HOLDFAST_PASSPHRASE_FILE=~/.holdfast\n"
         "  holdfast init             # once\n"
         "  holdfast backup app.db    # as often as you like\n"
         "  holdfast restore latest   # on the bad day\n\n"
         "More: holdfast COMMAND --help\n";
}

}  // namespace

std::string wrapped(std::string_view text, unsigned indent, unsigned width) {
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view paragraph = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string line(indent, ' ');
    std::size_t column = indent;
    while (!paragraph.empty()) {
      const auto space = std::min(paragraph.find(' '), paragraph.size());
      const std::string_view word = paragraph.substr(0, space);
      paragraph.remove_prefix(std::min(space + 1, paragraph.size()));
      const std::size_t taken = display_width(word);
      if (column > indent && column + 1 + taken > width) {
        result += line + "\n";
        line.assign(indent, ' ');
        column = indent;
      }
      if (column > indent) {
        line += ' ';
        ++column;
      }
      line += word;
      column += taken;
    }
    result += (column == indent ? "" : line) + "\n";
  }
  return result;
}

std::string help_text(const ProgramDescription& program, std::string_view command, unsigned width) {
  constexpr unsigned kWidest = 100, kNarrowest = 40;
  width = std::clamp(width, kNarrowest, kWidest);
  for (const CommandDescription& one : program.commands) {
    if (one.name == command) return command_help(one, width);
  }
  if (command.empty()) return program_help(program, width);
  return fmt::format("Usage: holdfast {} COMMAND\n{}\nMore: holdfast {} COMMAND --help\n", command,
                     command_list(program, fmt::format("{} ", command), width), command);
}

}  // namespace holdfast::cli
