// The one program that this process starts, stands in for, and ends like.
#ifndef HOLDFAST_ENV_CHILD_PROCESS_H_
#define HOLDFAST_ENV_CHILD_PROCESS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace holdfast::env {

struct ChildExit {
  int code = 0;    // of exit(), when `signal` is 0
  int signal = 0;  // that killed it
  // What a shell would say: the code, or 128 + signal.
  int shell_status() const { return signal != 0 ? 128 + signal : code; }
};

struct ChildRequest {
  std::vector<std::string> command;  // at least one; the first is looked for in PATH
  std::vector<std::pair<std::string, std::string>> variables;  // added to this process's own
  // Becomes its standard output and error; nothing can be read from its standard input then.
  int output = -1;
};

// Holds back the signals that are meant for the child (TERM, INT, HUP, QUIT, USR1, USR2, WINCH,
// CONT, TSTP) in this process. To be made by the main thread before any other thread exists, since
// threads inherit the mask. Ends by giving the mask back.
class SignalHold {
 public:
  SignalHold();
  ~SignalHold();
  SignalHold(const SignalHold&) = delete;
  SignalHold& operator=(const SignalHold&) = delete;
  // The next signal that came in; empty after `longest` or when `stop` is requested.
  std::optional<int> next(Duration longest, std::stop_token stop);

 private:
  int descriptor_ = -1;  // signalfd
};

// The child inherits standard input, output and error, the working directory, and the process
// group with its terminal, so that Ctrl-C reaches it directly (and once more by being passed on,
// which does no harm). It gets the signal mask from before the hold, and a TERM when this process
// dies (PR_SET_PDEATHSIG). All other descriptors of this process are closed on exec.
//
// Thread safety: send() from any thread; the rest by one.
class ChildProcess {
 public:
  // Throws kNotFound or kPermissionDenied for a command that cannot be started (told apart by the
  // errno of exec, handed back through a pipe), kIo when fork fails: then nothing was started.
  static ChildProcess start(const ChildRequest& request);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Does not end the child: whoever lets go of one that runs leaves it to its fate.
  ~ChildProcess();

  std::int64_t pid() const { return pid_; }
  // False when it has ended already. A stopped child is continued first for TERM and HUP.
  bool send(int signal);
  // How it ended; empty after `longest`. Reaps children that were left to process 1, if this is it.
  std::optional<ChildExit> wait(Duration longest);

 private:
  explicit ChildProcess(std::int64_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}

  std::int64_t pid_ = 0;
  int descriptor_ = -1;  // pidfd; -1 where the kernel has none
  std::optional<ChildExit> exit_;
};

// Passes every signal on until the child ends, and answers how.
ChildExit stand_in_for(ChildProcess& child, SignalHold& signals);
// Starts the command, and stands in for it.
ChildExit run_child(const ChildRequest& request, SignalHold& signals);

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_CHILD_PROCESS_H_
