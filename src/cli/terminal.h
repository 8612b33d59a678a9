// The person at the other end, if there is one.
#ifndef HOLDFAST_CLI_TERMINAL_H_
#define HOLDFAST_CLI_TERMINAL_H_

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "service/passphrase.h"

namespace holdfast::cli {

// Questions are asked on stderr and answered on stdin, and only where both are terminals.
class Terminal : public service::PassphrasePrompt {
 public:
  bool is_interactive() const;
  // Without echo. Empty if nobody is there; throws kInterrupted.
  std::optional<std::string> ask(std::string_view question) override;
  // With echo.
  std::optional<std::string> ask_line(std::string_view question);
  // True only for "y" or "yes"; false where nobody is there.
  bool confirm(std::string_view question);
};

enum class ColorChoice { kAuto, kAlways, kNever };
// NO_COLOR and TERM=dumb are honoured unless --color=always.
bool use_color(std::FILE* stream, ColorChoice choice);
bool is_terminal(std::FILE* stream);
// Columns of the terminal behind `stream`; 80 where there is none.
unsigned terminal_width(std::FILE* stream);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_TERMINAL_H_
