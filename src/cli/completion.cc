#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "cli/help.h"

namespace holdfast::cli {
namespace {

using Words = std::vector<std::string>;

bool is_listed(const CommandDescription& command) { return !command.group.empty(); }

std::string first_word(const std::string& name) { return name.substr(0, name.find(' ')); }

// What can follow "holdfast" and, for "key" and "config", what can follow that.
Words first_words(const ProgramDescription& program) {
  Words words;
  for (const CommandDescription& command : program.commands) {
    if (!is_listed(command)) continue;
    const std::string word = first_word(command.name);
    if (words.empty() || words.back() != word) words.push_back(word);
    words.insert(words.end(), command.aliases.begin(), command.aliases.end());
  }
  return words;
}

Words second_words(const ProgramDescription& program, const std::string& group) {
  Words words;
  for (const CommandDescription& command : program.commands) {
    if (is_listed(command) && command.name.starts_with(group + " "))
      words.push_back(command.name.substr(group.size() + 1));
  }
  return words;
}

Words groups(const ProgramDescription& program) {
  std::set<std::string> found;
  for (const CommandDescription& command : program.commands) {
    if (is_listed(command) && command.name.find(' ') != std::string::npos)
      found.insert(first_word(command.name));
  }
  return {found.begin(), found.end()};
}

Words option_words(const std::vector<OptionDescription>& options) {
  Words words;
  for (const OptionDescription& option : options) {
    words.push_back(option.long_name);
    if (!option.short_name.empty()) words.push_back(option.short_name);
  }
  return words;
}

// The words that complete a command without options: "latest" where a snapshot is wanted.
std::string plain_words(const CommandDescription& command) {
  if (command.synopsis.find("SNAPSHOT") != std::string::npos) return "latest";
  return command.name == "completion" ? "bash zsh fish" : "";
}

bool takes_files(const CommandDescription& command) {
  return std::ranges::any_of(std::array{"DB", "FILE", "PATH"}, [&](const char* word) {
    return command.synopsis.find(word) != std::string::npos;
  });
}

std::string bash_script(const ProgramDescription& program) {
  Words with_value, with_file;
  const auto sort_out = [&](const std::vector<OptionDescription>& options) {
    for (const OptionDescription& option : options) {
      if (option.value.empty() || option.optional_value) continue;
      const bool file = option.value == "PATH" || option.value == "FILE" ||
                        option.value == "FOLDER" || option.value == "PLACE";
      Words& list = file ? with_file : with_value;
      for (const std::string& name : {option.long_name, option.short_name}) {
        if (!name.empty() && std::ranges::find(list, name) == list.end()) list.push_back(name);
      }
    }
  };
  sort_out(program.global_options);
  for (const CommandDescription& command : program.commands) sort_out(command.options);

  std::string script = fmt::format(
      R"(# bash completion for holdfast
_holdfast() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  local command="" word i options="" words="" files=""
  case "$previous" in
    --color) COMPREPLY=($(compgen -W "auto always never" -- "$current")); return ;;
    {}) COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; return ;;
    {}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${{COMP_WORDS[i]}}"
    case "$word" in
      {}) ((i++)) ;;
      -*) ;;
      *)
        if [[ -z $command ]]; then
          command="$word"
          case "$command" in {}) continue ;; esac
        elif [[ $command != *" "* ]]; then
          case "$command" in {}) command="$command $word" ;; esac
        fi
        ;;
    esac
  done
  case "$command" in
    "") words="{}" ;;
)",
      fmt::join(with_file, "|"), fmt::join(with_value, "|"),
      fmt::format("{}|{}", fmt::join(with_file, "|"), fmt::join(with_value, "|")),
      fmt::join(groups(program), "|"), fmt::join(groups(program), "|"),
      fmt::join(first_words(program), " "));
  for (const std::string& group : groups(program)) {
    script += fmt::format("    {}) words=\"{}\" ;;\n", group,
                          fmt::join(second_words(program, group), " "));
  }
  for (const CommandDescription& command : program.commands) {
    if (!is_listed(command)) continue;
    std::string names = fmt::format("\"{}\"", command.name);
    for (const std::string& alias : command.aliases) names += fmt::format("|\"{}\"", alias);
    script += fmt::format("    {}) options=\"{}\" words=\"{}\"{} ;;\n", names,
                          fmt::join(option_words(command.options), " "), plain_words(command),
                          takes_files(command) ? " files=1" : "");
  }
  script += fmt::format(R"(  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options {}" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [[ -n $files ]]; then
      COMPREPLY+=($(compgen -f -- "$current"))
      compopt -o filenames 2>/dev/null
    fi
  fi
}}
complete -F _holdfast holdfast
)",
                        fmt::join(option_words(program.global_options), " "));
  return script;
}

// Within single quotes, and for zsh also within a [description] and before a ':'.
std::string quoted(std::string_view text, std::string_view escaped) {
  std::string result;
  for (const char letter : text) {
    if (letter == '\'') {
      result += "'\\''";
      continue;
    }
    if (escaped.find(letter) != std::string_view::npos) result += '\\';
    result += letter;
  }
  return result;
}

std::string zsh_options(const std::vector<OptionDescription>& options) {
  std::string text;
  for (const OptionDescription& option : options) {
    std::string action;
    if (!option.value.empty()) {
      std::string what = "";
      if (!option.choices.empty()) {
        what = fmt::format("({})", fmt::join(option.choices, " "));
      } else if (option.value == "PATH" || option.value == "FILE") {
        what = "_files";
      } else if (option.value == "FOLDER" || option.value == "PLACE") {
        what = "_files -/";
      }
      action = fmt::format(":{}:{}", option.value, what);
    }
    for (const std::string& name : {option.short_name, option.long_name}) {
      if (name.empty()) continue;
      text += fmt::format(" \\\n        '*{}{}[{}]{}'", name, option.optional_value ? "=-" : "",
                          quoted(option.text, "[]:"), action);
    }
  }
  return text;
}

std::string zsh_script(const ProgramDescription& program) {
  std::string script =
      "#compdef holdfast\n# zsh completion for holdfast\n_holdfast() {\n"
      "  local command\n  local -a known\n  command=${words[2]}\n"
      "  if (( CURRENT == 2 )); then\n    known=(\n";
  std::set<std::string> listed;
  for (const CommandDescription& command : program.commands) {
    if (!is_listed(command) || !listed.insert(first_word(command.name)).second) continue;
    const bool group = command.name.find(' ') != std::string::npos;
    script += fmt::format("      '{}:{}'\n", first_word(command.name),
                          group ? "more commands" : quoted(command.summary, ":"));
  }
  script += "    )\n    _describe 'command' known\n    return\n  fi\n  case $command in\n";
  for (const std::string& group : groups(program)) {
    script += fmt::format(
        "    {})\n      if (( CURRENT == 3 )); then\n        known=({})\n        _describe "
        "'command' known\n"
        "        return\n      fi\n      command=\"$command ${{words[3]}}\"\n      ;;\n",
        group, fmt::join(second_words(program, group), " "));
  }
  script += "  esac\n  case $command in\n";
  for (const CommandDescription& command : program.commands) {
    if (!is_listed(command)) continue;
    std::string names = fmt::format("'{}'", command.name);
    for (const std::string& alias : command.aliases) names += fmt::format("|'{}'", alias);
    std::string positional;
    if (takes_files(command)) {
      positional = " \\\n        '*:database:_files'";
    } else if (!plain_words(command).empty()) {
      positional = fmt::format(" \\\n        '*:word:({})'", plain_words(command));
    }
    script +=
        fmt::format("    {})\n      _arguments{}{}{}\n      ;;\n", names,
                    zsh_options(command.options), zsh_options(program.global_options), positional);
  }
  return script +
         "  esac\n}\nif [[ $funcstack[1] == _holdfast ]]; then _holdfast; else compdef _holdfast "
         "holdfast; fi\n";
}

std::string fish_options(const std::vector<OptionDescription>& options,
                         std::string_view condition) {
  std::string text;
  for (const OptionDescription& option : options) {
    text += "complete -c holdfast";
    if (!condition.empty()) text += fmt::format(" -n '{}'", condition);
    if (!option.short_name.empty()) text += fmt::format(" -s {}", option.short_name.substr(1));
    text += fmt::format(" -l {}", option.long_name.substr(2));
    if (!option.value.empty() && !option.optional_value) {
      text += option.choices.empty() ? std::string(" -r")
                                     : fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      if (option.value == "PATH" || option.value == "FILE" || option.value == "FOLDER" ||
          option.value == "PLACE") {
        text += " -F";
      }
    }
    text += fmt::format(" -d '{}'\n", quoted(option.text, "\\"));
  }
  return text;
}

std::string fish_script(const ProgramDescription& program) {
  std::string script =
      "# fish completion for holdfast\n"
      "complete -c holdfast -f\n";
  const std::string all = fmt::format("{}", fmt::join(first_words(program), " "));
  std::set<std::string> listed;
  for (const CommandDescription& command : program.commands) {
    if (!is_listed(command)) continue;
    const std::string word = first_word(command.name);
    const bool group = word != command.name;
    if (listed.insert(word).second) {
      script += fmt::format(
          "complete -c holdfast -n 'not __fish_seen_subcommand_from {}' -a {} -d '{}'\n", all, word,
          group ? "more commands" : quoted(command.summary, "\\"));
    }
    std::string condition = fmt::format("__fish_seen_subcommand_from {}", word);
    for (const std::string& alias : command.aliases) condition += " " + alias;
    if (group) {
      const std::string second = command.name.substr(word.size() + 1);
      script += fmt::format(
          "complete -c holdfast -n '__fish_seen_subcommand_from {}; and not "
          "__fish_seen_subcommand_from {}' -a {} -d '{}'\n",
          word, fmt::join(second_words(program, word), " "), second, quoted(command.summary, "\\"));
      condition += fmt::format("; and __fish_seen_subcommand_from {}", second);
    }
    if (takes_files(command)) script += fmt::format("complete -c holdfast -n '{}' -F\n", condition);
    if (!plain_words(command).empty()) {
      script +=
          fmt::format("complete -c holdfast -n '{}' -a '{}'\n", condition, plain_words(command));
    }
    script += fish_options(command.options, condition);
  }
  return script + fish_options(program.global_options, "");
}

}  // namespace

std::string completion_script(const ProgramDescription& program, std::string_view shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  throw Error(ErrorCode::kUsage,
              fmt::format("completions are for bash, zsh and fish, not for \"{}\"", shell));
}

}  // namespace holdfast::cli
