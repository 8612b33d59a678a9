#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <initializer_list>

#include "base/error.h"

namespace holdfast::cli {
namespace {

volatile sig_atomic_t signals_seen = 0;

extern "C" void on_signal(int) {
  constexpr int kInterruptedStatus = 5;
  signals_seen = signals_seen + 1;
  if (signals_seen > 1) ::_exit(kInterruptedStatus);
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // Without SA_RESTART: a prompt must not go on waiting.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // Whoever started this with a signal ignored (nohup) means it.
    struct sigaction before{};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return signals_seen > 0; }

void stop_if_interrupted() {
  if (interrupted())
    throw Error(ErrorCode::kInterrupted, "the operation was interrupted by a signal");
}

}  // namespace holdfast::cli
