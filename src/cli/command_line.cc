#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "cli/command_definitions.h"
#include "service/nearest_word.h"

namespace holdfast::cli {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kNoNumber = "Could not convert: ";  // how CLI11 begins

// Global options that take a value: their next word is no command.
constexpr auto kWithValue = std::to_array<std::string_view>(
    {"-r", "--repo", "-c", "--config", "--cache-dir", "--color", "--limit-upload",
     "--limit-download", "--lease-wait", "-d", "--database"});

Error usage(std::string happened, std::string_view command) {
  const std::string where = command.empty() ? "" : fmt::format(" {}", command);
  return Error(ErrorCode::kUsage, std::move(happened), {},
               fmt::format("See `holdfast{} --help`.", where));
}

std::string did_you_mean(std::string_view typed, const Words& known) {
  const std::string near = service::nearest_word(typed, known);
  return near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near);
}

// Where the first word stands that is neither an option nor an option's value.
std::size_t first_word(const Words& words, std::size_t from) {
  for (std::size_t i = from; i < words.size(); ++i) {
    if (words[i] == "--") break;
    if (!words[i].starts_with('-') || words[i] == "-") return i;
    if (std::ranges::find(kWithValue, words[i]) != kWithValue.end()) ++i;
  }
  return words.size();
}

bool matches(const CommandDefinition& definition, std::string_view name) {
  return name == definition.name || (*definition.alias != '\0' && name == definition.alias);
}

const CommandDefinition* find(std::string_view name) {
  for (const CommandDefinition& definition : command_definitions()) {
    if (matches(definition, name)) return &definition;
  }
  return nullptr;
}

bool is_group(std::string_view word) {
  return std::ranges::any_of(command_definitions(), [&](const CommandDefinition& definition) {
    return std::string_view(definition.name).starts_with(fmt::format("{} ", word));
  });
}

// Names of the commands below `group`, "" for those a program is called with.
Words names_in(std::string_view group) {
  Words names;
  for (const CommandDefinition& definition : command_definitions()) {
    if (*definition.group == '\0') continue;
    const std::string_view name = definition.name;
    const auto space = name.find(' ');
    if (group.empty()) {
      names.emplace_back(name.substr(0, space));
      if (*definition.alias != '\0') names.emplace_back(definition.alias);
    } else if (space != std::string_view::npos && name.substr(0, space) == group) {
      names.emplace_back(name.substr(space + 1));
    }
  }
  return names;
}

struct Chosen {
  const CommandDefinition* definition = nullptr;  // null: none
  std::string group;                              // "key" without what to do with it
  Words rest;                                     // all but the command's own words
};

Chosen choose_command(const Words& words) {
  Chosen chosen{.definition = nullptr, .group = {}, .rest = words};
  std::size_t at = first_word(chosen.rest, 0);
  if (at == chosen.rest.size()) return chosen;
  std::string name = chosen.rest[at];
  chosen.rest.erase(chosen.rest.begin() + static_cast<std::ptrdiff_t>(at));
  if (name == "help") {
    chosen.rest.emplace_back("--help");
    Chosen asked = choose_command(chosen.rest);
    return asked;
  }
  if (is_group(name)) {
    at = first_word(chosen.rest, at);
    if (at == chosen.rest.size()) {
      chosen.group = name;
      return chosen;
    }
    const std::string word = chosen.rest[at];
    chosen.rest.erase(chosen.rest.begin() + static_cast<std::ptrdiff_t>(at));
    chosen.definition = find(fmt::format("{} {}", name, word));
    if (chosen.definition == nullptr) {
      throw usage(fmt::format("`holdfast {}` has no \"{}\"{}", name, word,
                              did_you_mean(word, names_in(name))),
                  name);
    }
    return chosen;
  }
  chosen.definition = find(name);
  if (chosen.definition == nullptr) {
    throw usage(fmt::format("\"{}\" is no command{}", name, did_you_mean(name, names_in(""))), "");
  }
  return chosen;
}

// What follows `--`, or begins with the first word that is no option, is another program's.
Words cut_off_child(Words& words) {
  const std::size_t word = first_word(words, 0);
  const auto mark = std::ranges::find(words, "--");
  const auto from = std::min(words.begin() + static_cast<std::ptrdiff_t>(word), mark);
  Words child(from, words.end());
  words.erase(from, words.end());
  if (!child.empty() && child.front() == "--") child.erase(child.begin());
  return child;
}

std::vector<OptionDescription> describe_options(const CLI::App& app) {
  std::vector<OptionDescription> described;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    OptionDescription one;
    if (!option->get_snames().empty()) one.short_name = "-" + option->get_snames().front();
    one.long_name = "--" + option->get_lnames().front();
    const bool is_switch = option->get_items_expected_max() == 0;
    if (!is_switch || one.long_name == "--read-data") one.value = option->get_type_name();
    one.optional_value = is_switch && !one.value.empty();
    if (one.long_name == "--color") one.choices = {"auto", "always", "never"};
    one.text = option->get_description();
    described.push_back(std::move(one));
  }
  return described;
}

[[noreturn]] void refuse_extra(const Words& extra, const CLI::App& app, std::string_view command) {
  const std::string& word = extra.front();
  if (!word.starts_with('-'))
    throw usage(fmt::format("\"{}\" is one word too many", word), command);
  Words known;
  for (const OptionDescription& option : describe_options(app)) known.push_back(option.long_name);
  const std::string name = word.substr(0, word.find('='));
  throw usage(fmt::format("{} has no option \"{}\"{}",
                          command.empty() ? "holdfast" : fmt::format("`holdfast {}`", command),
                          name, did_you_mean(name, known)),
              command);
}

void check_choices(const Arguments& arguments, std::string_view command) {
  if (arguments.index && *arguments.index < 1) {
    throw usage("--index counts from 1, the newest", command);
  }
  if (arguments.last && *arguments.last < 0) throw usage("--last takes a number from 0", command);
  if (arguments.color != "auto" && arguments.color != "always" && arguments.color != "never") {
    throw usage(fmt::format("--color takes auto, always or never, not \"{}\"", arguments.color),
                command);
  }
}

}  // namespace

ParsedLine parse_command_line(const std::vector<std::string>& words) {
  Chosen chosen = choose_command(words);
  ParsedLine parsed;
  Arguments& arguments = parsed.arguments;
  const std::string command = chosen.definition != nullptr ? chosen.definition->name : chosen.group;

  // Only what this line needs is built: a process that backs up nothing new lives for a few
  // milliseconds.
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  if (chosen.definition != nullptr) {
    chosen.definition->add_options(app, arguments);
    arguments.command = chosen.definition->command;
    if (arguments.command == Command::kRun) arguments.child = cut_off_child(chosen.rest);
  }
  add_global_options(app, arguments);
  try {
    Words reversed(chosen.rest.rbegin(), chosen.rest.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string_view said = error.what();
    throw usage(fmt::format("{} needs a value", said.substr(0, said.find(':'))), command);
  } catch (const CLI::ConversionError& error) {
    throw usage(fmt::format("this is no number: {}",
                            std::string_view(error.what()).substr(kNoNumber.size())),
                command);
  } catch (const CLI::ParseError& error) {
    throw usage(error.what(), command);
  }
  Words extra = app.remaining();
  std::erase(extra, "--");  // CLI11 counts the mark itself
  if (!extra.empty()) refuse_extra(extra, app, command);
  check_choices(arguments, command);

  parsed.help_for = command;
  if (arguments.version) arguments.command = Command::kVersion;
  if (arguments.command == Command::kNone) {
    if (!chosen.group.empty() && !arguments.help) {
      throw usage(fmt::format("`holdfast {}` needs one of: {}", chosen.group,
                              fmt::join(names_in(chosen.group), ", ")),
                  chosen.group);
    }
    arguments.help = true;
  }
  return parsed;
}

ProgramDescription describe_program() {
  ProgramDescription program;
  Arguments unused;
  for (const CommandDefinition& definition : command_definitions()) {
    CLI::App app;
    app.set_help_flag();
    definition.add_options(app, unused);
    CommandDescription command{.name = definition.name,
                               .synopsis = definition.synopsis,
                               .summary = definition.summary,
                               .details = definition.details,
                               .examples = definition.examples,
                               .group = definition.group,
                               .aliases = {},
                               .options = describe_options(app)};
    if (*definition.alias != '\0') command.aliases = {definition.alias};
    program.commands.push_back(std::move(command));
  }
  CLI::App app;
  app.set_help_flag();
  add_global_options(app, unused);
  program.global_options = describe_options(app);
  return program;
}

}  // namespace holdfast::cli
