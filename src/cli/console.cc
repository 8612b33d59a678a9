#include "cli/console.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/progress_line.h"
#include "cli/wording.h"
#include "service/answer_json.h"

namespace holdfast::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kBetweenDraws = std::chrono::milliseconds(100);
constexpr std::string_view kYellow = "\x1b[33m", kRed = "\x1b[31m", kPlain = "\x1b[0m";

bool reader_is_gone() {
  pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

}  // namespace

Console::Console(ConsoleOptions options)
    : options_(options),
      color_(use_color(stderr, options.color)),
      answer_color_(use_color(stdout, options.color)),
      bar_(is_terminal(stderr) && !options.quiet && !options.json),
      began_(Clock::now()),
      stage_began_(began_) {}

Console::~Console() {
  drawer_ = {};
  clear_line();
}

void Console::stage(std::string_view name, std::uint64_t total) {
  stop_if_interrupted();
  if (!bar_) return;
  const std::lock_guard lock(mutex_);
  stage_ = name;
  total_ = total;
  stage_began_ = Clock::now();
  done_ = 0;
  if (!drawer_.joinable()) {
    drawer_ = std::jthread([this](const std::stop_token& stop) { draw_until(stop); });
  }
}

void Console::advance(std::uint64_t units) {
  stop_if_interrupted();
  if (bar_) done_.fetch_add(units, std::memory_order_relaxed);
}

void Console::draw_until(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  never_.wait_until(lock, stop, began_ + kPatience, [] { return false; });
  while (!stop.stop_requested()) {
    if (!stage_.empty()) draw();
    never_.wait_for(lock, stop, kBetweenDraws, [] { return false; });
  }
}

void Console::draw() {
  const double seconds = std::chrono::duration<double>(Clock::now() - stage_began_).count();
  fmt::print(stderr, "\r{}\x1b[K",
             progress_line(stage_, done_, total_, seconds, terminal_width(stderr)));
  std::fflush(stderr);
  drawn_ = true;
}

void Console::end_stage() {
  clear_line();
  stage_.clear();
}

void Console::clear_line() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

void Console::line(std::string_view color, std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear_line();
  if (color_ && !color.empty()) {
    fmt::print(stderr, "{}{}{}\n", color, text, kPlain);
  } else {
    fmt::print(stderr, "{}\n", text);
  }
}

void Console::notice(std::string_view sentence) {
  if (!options_.quiet) line({}, printable(sentence));
}

void Console::warning(std::string_view sentence) {
  line(kYellow, printable(fmt::format("Warning: {}", sentence)));
}

void Console::say(std::string_view text) {
  if (!options_.quiet) answer(text);
}

void Console::answer(std::string_view text) {
  if (options_.json) return;
  const std::lock_guard lock(mutex_);
  end_stage();
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Console::json_answer(const nlohmann::ordered_json& value) {
  if (!options_.json) return;
  answered_ = true;
  // Names of files need not be UTF-8.
  const std::string text =
      value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Console::event(const nlohmann::ordered_json& value) {
  const std::string text =
      value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Console::failure(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    end_stage();
  }
  if (options_.json && !answered_) json_answer(service::error_json(error));
  line(kRed, printable(fmt::format("Error: {}", error.happened())));
  line({}, printable(fmt::format("Safe:  {}\nNext:  {}", error.safe(), error.next())));
}

void Console::flush() {
  const std::lock_guard lock(mutex_);
  end_stage();
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  // What failed before, when the buffer was full, has left no errno.
  if (errno == EPIPE || (errno == 0 && reader_is_gone())) return;
  throw Error(ErrorCode::kIo,
              fmt::format("the answer could not be written{}{}", errno == 0 ? "" : ": ",
                          errno == 0 ? "" : std::strerror(errno)),
              "The work itself was done.", "See where stdout leads.");
}

}  // namespace holdfast::cli
