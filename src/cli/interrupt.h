// SIGINT and SIGTERM end the work under way in good order; a second one ends it at once.
#ifndef HOLDFAST_CLI_INTERRUPT_H_
#define HOLDFAST_CLI_INTERRUPT_H_

namespace holdfast::cli {

// Also ignores SIGPIPE: a reader that goes away is no reason to stop half way.
void install_interrupt_handlers();
bool interrupted();
// Throws Error(kInterrupted) once a signal has come.
void stop_if_interrupted();

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_INTERRUPT_H_
