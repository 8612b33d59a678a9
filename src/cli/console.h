// What a command says: its answer, and everything beside it.
#ifndef HOLDFAST_CLI_CONSOLE_H_
#define HOLDFAST_CLI_CONSOLE_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/progress.h"
#include "cli/terminal.h"

namespace holdfast::cli {

struct ConsoleOptions {
  bool json = false, quiet = false, verbose = false;
  ColorChoice color = ColorChoice::kAuto;
};

// Progress is thread safe and draws a bar on stderr, if that is a terminal, once the work has taken
// a second. stage() and advance() throw Error(kInterrupted) after a signal.
class Console final : public Progress {
 public:
  explicit Console(ConsoleOptions options);
  ~Console() override;

  void stage(std::string_view name, std::uint64_t total) override;
  void advance(std::uint64_t units) override;
  void notice(std::string_view sentence) override;
  void warning(std::string_view sentence) override;

  bool json() const { return options_.json; }
  bool verbose() const { return options_.verbose; }
  bool bold() const { return answer_color_; }
  // The answer for people, on stdout; nothing with --json or --quiet. Ends in '\n' as given.
  void say(std::string_view text);
  // Like say(), but said although --quiet: it is what was asked for.
  void answer(std::string_view text);
  // The answer for programs, on stdout; nothing without --json.
  void json_answer(const nlohmann::ordered_json& value);
  // One line of JSON on stdout at once, whatever was asked for: for readers that follow along.
  void event(const nlohmann::ordered_json& value);
  // Three lines on stderr; with --json an object on stdout unless the answer was given already.
  void failure(const Error& error);
  // Throws kIo if the answer could not be written; a reader that has gone away is no error.
  void flush();

 private:
  using Moment = std::chrono::steady_clock::time_point;
  void draw_until(const std::stop_token& stop);
  void draw();
  void clear_line();
  void end_stage();
  void line(std::string_view color, std::string_view text);

  ConsoleOptions options_;
  const bool color_, answer_color_, bar_;
  bool answered_ = false;
  const Moment began_;

  std::mutex mutex_;   // guards the terminal and what follows
  std::string stage_;  // empty: none is under way
  std::uint64_t total_ = 0;
  Moment stage_began_;
  bool drawn_ = false;
  std::atomic<std::uint64_t> done_{0};
  std::condition_variable_any never_;
  std::jthread drawer_;  // last: it uses all of the above
};

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_CONSOLE_H_
