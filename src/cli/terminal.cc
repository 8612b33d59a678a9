#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "cli/interrupt.h"

namespace holdfast::cli {
namespace {

class WithoutEcho {
 public:
  WithoutEcho() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~WithoutEcho() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

// Empty at the end of input. Byte by byte: what follows the line belongs to whoever reads next.
std::optional<std::string> read_line() {
  std::string line;
  for (;;) {
    char letter = 0;
    const ssize_t got = ::read(STDIN_FILENO, &letter, 1);
    const int error = errno;
    stop_if_interrupted();
    if (got < 0 && error == EINTR) continue;
    if (got <= 0) return line.empty() ? std::nullopt : std::optional(line);
    if (letter == '\n') return line;
    line += letter;
  }
}

void put_question(std::string_view question) {
  fmt::print(stderr, "{}", question);
  std::fflush(stderr);
}

}  // namespace

bool Terminal::is_interactive() const {
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
}

std::optional<std::string> Terminal::ask(std::string_view question) {
  if (!is_interactive()) return std::nullopt;
  const WithoutEcho quiet;
  put_question(question);
  return read_line();
}

std::optional<std::string> Terminal::ask_line(std::string_view question) {
  if (!is_interactive()) return std::nullopt;
  put_question(question);
  return read_line();
}

bool Terminal::confirm(std::string_view question) {
  const auto answer = ask_line(fmt::format("{} [y/N] ", question));
  return answer && (*answer == "y" || *answer == "Y" || *answer == "yes" || *answer == "Yes");
}

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) != 0; }

bool use_color(std::FILE* stream, ColorChoice choice) {
  if (choice != ColorChoice::kAuto) return choice == ColorChoice::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (kind == nullptr || std::string_view(kind) == "dumb") return false;
  return is_terminal(stream);
}

unsigned terminal_width(std::FILE* stream) {
  constexpr unsigned kUsual = 80;
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return size.ws_col;
}

}  // namespace holdfast::cli
