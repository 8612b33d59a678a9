// For commands that run until they are told to end.
#ifndef HOLDFAST_CLI_UNTIL_SIGNAL_H_
#define HOLDFAST_CLI_UNTIL_SIGNAL_H_

#include <signal.h>
#include <unistd.h>

#include <stop_token>
#include <thread>

#include "env/child_process.h"

namespace holdfast::cli {

// The first signal ends the work in good order, a second one at once.
class UntilSignal {
 public:
  explicit UntilSignal(env::SignalHold& signals)
      : waiter_([this, &signals](const std::stop_token& stop) { wait(signals, stop); }) {}
  std::stop_token stop() const { return ended_.get_token(); }

 private:
  void wait(env::SignalHold& signals, const std::stop_token& stop) {
    constexpr int kInterruptedStatus = 5;
    while (!stop.stop_requested()) {
      const auto signal = signals.next(Duration::max(), stop);
      if (!signal ||
          (*signal != SIGTERM && *signal != SIGINT && *signal != SIGHUP && *signal != SIGQUIT)) {
        continue;
      }
      if (ended_.stop_requested()) ::_exit(kInterruptedStatus);
      ended_.request_stop();
    }
  }

  std::stop_source ended_;
  std::jthread waiter_;
};

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_UNTIL_SIGNAL_H_
