#include "env/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/error.h"

namespace holdfast::env {
namespace {

constexpr auto kHeld = std::to_array<int>(
    {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP});
constexpr Duration kForever = Duration::max();

// What a child is to have: set by the hold, before there are other threads.
sigset_t mask_before{};
bool mask_is_known = false;

sigset_t held_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kHeld) sigaddset(&set, signal);
  return set;
}

int milliseconds_for_poll(Duration longest) {
  constexpr std::int64_t kMost = 1'000'000'000;
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(
      std::clamp(longest, Duration(0), Duration(kMost * 1000)));
  return longest == kForever ? -1 : static_cast<int>(count.count());
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    const bool replaced =
        std::ranges::any_of(variables, [&](const auto& one) { return one.first == name; });
    if (!replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : variables) result.push_back(name + "=" + value);
  return result;
}

// In the child between fork and exec: other threads may have held any lock, so nothing here may
// allocate. Answers the errno of what failed.
int become(char* const* command, char* const* environment, int output, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (output >= 0) {
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
        ::dup2(output, STDERR_FILENO) < 0) {
      return errno;
    }
  }
  if (::getppid() != parent) ::raise(SIGTERM);  // it died before it could be told
  ::signal(SIGPIPE, SIG_DFL);                   // what this program ignores, the child need not
  if (mask_is_known) ::sigprocmask(SIG_SETMASK, &mask_before, nullptr);
  ::execvpe(command[0], command, environment);
  return errno;
}

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw system_error(errno, "cannot make a pipe");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int end(std::size_t which) const { return ends_.at(which); }
  void close_end(std::size_t which) {
    if (ends_.at(which) >= 0) ::close(ends_.at(which));
    ends_.at(which) = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

[[noreturn]] void throw_not_started(int number, const std::string& command) {
  const std::string doing = fmt::format("cannot start \"{}\"", command);
  if (number == ENOENT) {
    throw Error(ErrorCode::kNotFound, doing + ": there is no such program", {},
                "Check its name and PATH.");
  }
  throw system_error(number, doing);
}

ChildExit exit_from(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status, .signal = 0};
  return {.code = 0, .signal = info.si_status};
}

// Orphans of the whole container come to process 1, and stay until it asks for them.
void reap_others(pid_t child) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return;
    if (info.si_pid == 0 || info.si_pid == child) return;
    ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

bool is_stopped(std::int64_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid != 0;
}

// Ctrl-Z: once the application has stopped, the shell waits for this process to stop too.
void stop_with(std::int64_t child) {
  for (int tried = 0; tried < 20 && !is_stopped(child); ++tried) ::poll(nullptr, 0, 5);
  if (!is_stopped(child)) return;  // it would rather go on
  ::raise(SIGSTOP);
}

}  // namespace

SignalHold::SignalHold() {
  const sigset_t held = held_signals();
  if (::pthread_sigmask(SIG_BLOCK, &held, &mask_before) != 0) {
    throw system_error(errno, "cannot hold signals back");
  }
  mask_is_known = true;
  descriptor_ = ::signalfd(-1, &held, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor_ < 0) {
    const int number = errno;
    ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
    throw system_error(number, "cannot wait for signals");
  }
}

SignalHold::~SignalHold() {
  ::close(descriptor_);
  mask_is_known = false;
  ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
}

std::optional<int> SignalHold::next(Duration longest, std::stop_token stop) {
  const int waker = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (waker < 0) throw system_error(errno, "cannot wait for signals");
  std::optional<int> signal;
  {
    const std::stop_callback on_stop(stop, [waker] { ::eventfd_write(waker, 1); });
    std::array<pollfd, 2> descriptors{pollfd{.fd = descriptor_, .events = POLLIN, .revents = 0},
                                      pollfd{.fd = waker, .events = POLLIN, .revents = 0}};
    ::poll(descriptors.data(), descriptors.size(), milliseconds_for_poll(longest));
    signalfd_siginfo info{};
    if (::read(descriptor_, &info, sizeof info) == sizeof info) {
      signal = static_cast<int>(info.ssi_signo);
    }
  }
  ::close(waker);
  return signal;
}

ChildProcess ChildProcess::start(const ChildRequest& request) {
  if (request.command.empty() || request.command.front().empty()) {
    throw Error(ErrorCode::kUsage, "there is no command to start");
  }
  std::vector<std::string> words = request.command;
  std::vector<std::string> variables = environment_with(request.variables);
  const std::vector<char*> command = pointers(words), environment = pointers(variables);

  Pipe failure;
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error(errno, fmt::format("cannot start \"{}\"", words.front()));
  if (pid == 0) {
    const int number = become(command.data(), environment.data(), request.output, parent);
    [[maybe_unused]] const auto told = ::write(failure.end(1), &number, sizeof number);
    ::_exit(127);
  }
  failure.close_end(1);
  int number = 0;
  ssize_t got = 0;
  do {
    got = ::read(failure.end(0), &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof number) {
    ::waitpid(pid, nullptr, 0);
    throw_not_started(number, words.front());
  }
  return ChildProcess(pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(other.pid_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      exit_(std::exchange(other.exit_, ChildExit{})) {}

ChildProcess::~ChildProcess() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool ChildProcess::send(int signal) {
  const auto deliver = [&](int which) {
    // By the descriptor: the number may be another process's by now.
    if (descriptor_ >= 0)
      return ::syscall(SYS_pidfd_send_signal, descriptor_, which, nullptr, 0) == 0;
    return ::kill(static_cast<pid_t>(pid_), which) == 0;
  };
  if (!deliver(signal)) return false;
  if (signal == SIGTERM || signal == SIGHUP) deliver(SIGCONT);
  return true;
}

std::optional<ChildExit> ChildProcess::wait(Duration longest) {
  constexpr Duration kBetweenLooks = std::chrono::milliseconds(10);
  constexpr Duration kBetweenReaps = std::chrono::seconds(1);
  const bool is_first = ::getpid() == 1;
  const auto began = std::chrono::steady_clock::now();
  while (!exit_) {
    siginfo_t info{};
    const int done = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
    if (done != 0 && errno != EINTR) throw system_error(errno, "cannot wait for the child");
    if (done == 0 && info.si_pid != 0) exit_ = exit_from(info);
    if (is_first) reap_others(static_cast<pid_t>(pid_));
    const auto waited =
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
    if (exit_ || waited >= longest) break;
    Duration rest = longest == kForever ? kForever : longest - waited;
    if (is_first) rest = std::min(rest, kBetweenReaps);
    if (descriptor_ < 0) rest = std::min(rest, kBetweenLooks);
    pollfd descriptor{.fd = descriptor_, .events = POLLIN, .revents = 0};
    ::poll(&descriptor, 1, milliseconds_for_poll(rest));
  }
  return exit_;
}

ChildExit stand_in_for(ChildProcess& child, SignalHold& signals) {
  std::stop_source ended;
  ChildExit exit;
  std::jthread waiter([&] {
    exit = child.wait(kForever).value_or(ChildExit{.code = 1, .signal = 0});
    ended.request_stop();
  });
  while (!ended.stop_requested()) {
    const auto signal = signals.next(kForever, ended.get_token());
    if (!signal) continue;
    child.send(*signal);
    if (*signal == SIGTSTP) stop_with(child.pid());
  }
  waiter.join();
  return exit;
}

ChildExit run_child(const ChildRequest& request, SignalHold& signals) {
  ChildProcess child = ChildProcess::start(request);
  return stand_in_for(child, signals);
}

}  // namespace holdfast::env
