#include "cli/program.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "cli/interrupt.h"
#include "service/test_world.h"

namespace holdfast::cli {
namespace {

class ProgramTest : public service::TestWorld {
 protected:
  // With a store that only says, by its own exit status, that the work began.
  int run_without_work(const std::vector<std::string>& words) {
    world.open_store = [](std::string_view) -> std::unique_ptr<storage::Store> { std::_Exit(77); };
    return run(words, world);
  }
};

// In a process of its own: what has come in stays with the process.
TEST_F(ProgramTest, EndsAtOnceOnASignalThatCameBeforeSignalsWereHeldBack) {
  file("app.db");
  file("holdfast.toml", "repository = \"there\"\n[databases.app]\nsource = \"app.db\"\n");
  const std::vector<std::vector<std::string>> commands = {{"replicate"}, {"run", "--", "true"}};
  for (const auto& words : commands) {
    EXPECT_EXIT(std::exit(run_without_work(words)), testing::ExitedWithCode(77), "");
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
      const auto interrupt_and_run = [&] {
        install_interrupt_handlers();
        ::raise(signal);
        std::exit(run_without_work(words));
      };
      EXPECT_EXIT(interrupt_and_run(), testing::ExitedWithCode(5), "interrupted by a signal");
    }
  }
}

}  // namespace
}  // namespace holdfast::cli
