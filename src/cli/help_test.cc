#include "cli/help.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "cli/command_line.h"
#include "cli/wording.h"

namespace holdfast::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Help, OfEveryCommandEndsWithExamplesThatParse) {
  const ProgramDescription program = describe_program();
  for (const CommandDescription& command : program.commands) {
    const std::string text = help_text(program, command.name, 80);
    const auto at = text.find("\nExamples:\n");
    ASSERT_NE(std::string::npos, at) << command.name;
    EXPECT_THAT(text.substr(at), HasSubstr("holdfast " + command.name)) << command.name;
  }
}

TEST(Help, OfTheProgramListsEveryCommandThatIsNotHidden) {
  const ProgramDescription program = describe_program();
  const std::string text = help_text(program, "", 80);
  for (const CommandDescription& command : program.commands) {
    if (command.group.empty()) continue;
    EXPECT_THAT(text, HasSubstr("\n  " + command.name)) << command.name;
  }
  EXPECT_THAT(text, Not(HasSubstr("\n  errors")));
}

TEST(Help, FitsTheTerminal) {
  const ProgramDescription program = describe_program();
  for (const unsigned width : {60u, 80u, 100u}) {
    std::string text = help_text(program, "", width);
    while (!text.empty()) {
      const auto end = text.find('\n');
      const std::string line = text.substr(0, end);
      if (!line.starts_with("  export")) {
        EXPECT_LE(display_width(line), width) << line;
      }
      text.erase(0, end + 1);
    }
  }
}

TEST(Help, OfAGroupListsItsCommands) {
  EXPECT_THAT(help_text(describe_program(), "key", 80), HasSubstr("key recovery"));
}

TEST(Wrapped, BreaksBetweenWords) { EXPECT_EQ("  aa bb\n  cc\n", wrapped("aa bb cc", 2, 7)); }
TEST(Wrapped, NeverBreaksAWord) { EXPECT_EQ("abcdefgh\n", wrapped("abcdefgh", 0, 4)); }

TEST(ManPage, EscapesWhatRoffWouldTakeForCommands) {
  ProgramDescription program;
  program.commands = {{.name = "x",
                       .synopsis = "",
                       .summary = "s",
                       .details = ".dots",
                       .examples = "'quotes\\",
                       .group = "Other",
                       .aliases = {},
                       .options = {}}};
  const std::string page = man_page(program, "1.0");
  EXPECT_THAT(page, HasSubstr("\\&.dots"));
  EXPECT_THAT(page, HasSubstr("\\&'quotes\\e"));
}

TEST(ManPage, NamesEveryOption) {
  const std::string page = man_page(describe_program(), "1.0");
  for (const char* option : {"\\-\\-keep\\-within", "\\-\\-read\\-data", "\\-\\-repo"})
    EXPECT_THAT(page, HasSubstr(option));
}

TEST(Completion, KnowsEveryCommandInEveryShell) {
  const ProgramDescription program = describe_program();
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(program, shell);
    for (const char* word : {"backup", "snapshots", "recovery", "keep-daily", "latest"}) {
      EXPECT_THAT(script, HasSubstr(word)) << shell;
    }
  }
}

TEST(Completion, RefusesOtherShells) {
  EXPECT_THROW(completion_script(describe_program(), "tcsh"), Error);
}

}  // namespace
}  // namespace holdfast::cli
