#include <fmt/format.h>

#include "base/error.h"
#include "cli/help.h"

namespace holdfast::cli {
namespace {

// Text that roff takes as it is.
std::string roff(std::string_view text) {
  constexpr std::string_view kEllipsis = "…";  // roff reads Latin-1
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (text.substr(i).starts_with(kEllipsis)) {
      result += "...";
      i += kEllipsis.size() - 1;
    } else if (letter == '\\') {
      result += "\\e";
    } else if (letter == '-') {
      result += "\\-";
    } else {
      result += letter;
    }
  }
  // A line that begins with one of these would be a command.
  if (result.starts_with('.') || result.starts_with('\'')) result.insert(0, "\\&");
  return result;
}

std::string paragraphs(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    result += fmt::format(".PP\n{}\n", roff(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string options(const std::vector<OptionDescription>& described) {
  std::string text;
  for (const OptionDescription& option : described) {
    text += ".TP\n";
    if (!option.short_name.empty()) text += fmt::format("\\fB{}\\fR, ", roff(option.short_name));
    text += fmt::format("\\fB{}\\fR", roff(option.long_name));
    if (!option.value.empty()) {
      const std::string value = fmt::format("\\fI{}\\fR", roff(option.value));
      text += option.optional_value ? fmt::format("[={}]", value) : " " + value;
    }
    text += fmt::format("\n{}\n", roff(option.text));
  }
  return text;
}

std::string examples(std::string_view lines) {
  std::string text = ".PP\n.nf\n.RS 4\n";
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    text += roff(lines.substr(0, end)) + "\n";
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return text + ".RE\n.fi\n";
}

std::string command_text(const CommandDescription& command) {
  const std::string synopsis = command.synopsis.empty() ? "" : " " + command.synopsis;
  std::string text = fmt::format(".SS \"holdfast {}{}\"\n{}.\n", roff(command.name), roff(synopsis),
                                 roff(command.summary));
  for (const std::string& alias : command.aliases)
    text += fmt::format("Also called \\fB{}\\fR.\n", roff(alias));
  text += paragraphs(command.details);
  text += options(command.options);
  return text + examples(command.examples);
}

std::string statuses() {
  std::string text = ".TP\n0\nDone.\n";
  int last = 0;
  for (const ErrorEntry& entry : error_catalogue()) {
    if (entry.exit_status == last) continue;
    last = entry.exit_status;
    text += fmt::format(".TP\n{}\n{}\n", entry.exit_status, roff(entry.summary));
  }
  return text;
}

}  // namespace

std::string man_page(const ProgramDescription& program, std::string_view version) {
  std::string text = fmt::format(
      ".TH HOLDFAST 1 \"\" \"holdfast {}\" \"User Commands\"\n"
      ".SH NAME\nholdfast \\- consistent, encrypted, deduplicated backups of SQLite databases\n"
      ".SH SYNOPSIS\n\\fBholdfast\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIWORD\\fR...]\n"
      ".SH DESCRIPTION\n"
      "Keeps the history of SQLite databases in an encrypted repository, and proves that it can be "
      "restored.\n"
      "Databases are read while applications write to them. Every snapshot is a full one; only "
      "what changed is "
      "stored.\n"
      ".SH COMMANDS\n",
      roff(version));
  for (const CommandDescription& command : program.commands) {
    if (!command.group.empty()) text += command_text(command);
  }
  text += ".SH OPTIONS\nEvery command takes these.\n" + options(program.global_options);
  text +=
      ".SH ENVIRONMENT\n"
      ".TP\n.B HOLDFAST_REPO\nThe repository, unless \\-\\-repo is said.\n"
      ".TP\n.B HOLDFAST_PASSPHRASE\nIts passphrase.\n"
      ".TP\n.B HOLDFAST_PASSPHRASE_FILE\nA file whose first line is the passphrase.\n"
      ".TP\n.BR HOLDFAST_NEW_PASSPHRASE \", \" HOLDFAST_NEW_PASSPHRASE_FILE\nThe same for a key "
      "that is being made.\n"
      ".TP\n.B HOLDFAST_CONFIG\nThe configuration, unless \\-\\-config is said.\n"
      ".TP\n.B HOLDFAST_CACHE_DIR\nWhere page digests are kept, unless \\-\\-cache\\-dir is said.\n"
      ".TP\n.B HOLDFAST_KEY_CACHE\nSet to \"off\", the unlocked key is not kept for the session.\n"
      ".SH FILES\n"
      ".TP\n.IR ./holdfast.toml \", \" /etc/holdfast/holdfast.toml\nThe configuration; the first "
      "that is there.\n"
      ".TP\n.I ~/.cache/holdfast\nPage digests, encrypted; made again when lost.\n"
      ".SH EXIT STATUS\n" +
      statuses();
  return text;
}

}  // namespace holdfast::cli
