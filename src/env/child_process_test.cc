#include "env/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

constexpr Duration kLong = std::chrono::seconds(60);

ChildRequest shell(const std::string& script) {
  return {.command = {"sh", "-c", script}, .variables = {}};
}

ChildExit exit_of(const ChildRequest& request) {
  auto child = ChildProcess::start(request);
  const auto exit = child.wait(kLong);
  EXPECT_TRUE(exit);
  return exit.value_or(ChildExit{.code = -1, .signal = 0});
}

std::string content(const Path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Signals for this process itself would end the test program: each test that sends some runs in a
// process of its own, whose main thread is its only one.
int status_of(const std::function<int()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(work());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

TEST(ChildProcess, EndsWithTheStatusOfTheCommand) {
  const ChildExit exit = exit_of(shell("exit 7"));
  EXPECT_EQ(exit.code, 7);
  EXPECT_EQ(exit.shell_status(), 7);
}

TEST(ChildProcess, TellsTheSignalThatKilledIt) {
  const ChildExit exit = exit_of(shell("kill -9 $$"));
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_EQ(exit.shell_status(), 137);
}

TEST(ChildProcess, AddsAndReplacesVariables) {
  TemporaryDirectory folder;
  ::setenv("HOLDFAST_TEST_OLD", "old", 1);
  ChildRequest request = shell("printf '%s %s' \"$HOLDFAST_TEST_OLD\" \"$HOLDFAST_TEST_NEW\" > " +
                               (folder / "out").native());
  request.variables = {{"HOLDFAST_TEST_OLD", "replaced"}, {"HOLDFAST_TEST_NEW", "new"}};
  exit_of(request);
  EXPECT_EQ(content(folder / "out"), "replaced new");
}

TEST(ChildProcess, SaysWhyACommandCannotBeStarted) {
  TemporaryDirectory folder;
  std::ofstream(folder / "no_program") << "x";
  const auto code_of = [](const std::string& command) {
    try {
      ChildProcess::start({.command = {command}, .variables = {}});
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of("no-such-program-anywhere"), ErrorCode::kNotFound);
  EXPECT_EQ(code_of((folder / "no_program").native()), ErrorCode::kPermissionDenied);
}

TEST(ChildProcess, IsStillThereUntilItsWaitIsOver) {
  auto child = ChildProcess::start({.command = {"sleep", "1000"}, .variables = {}});
  EXPECT_FALSE(child.wait(Duration(0)));
  EXPECT_TRUE(child.send(SIGKILL));
  EXPECT_EQ(child.wait(kLong)->signal, SIGKILL);
  EXPECT_FALSE(child.send(SIGTERM));
}

TEST(ChildProcess, IsContinuedToReceiveATermination) {
  auto child = ChildProcess::start({.command = {"sleep", "1000"}, .variables = {}});
  child.send(SIGSTOP);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED);
  child.send(SIGTERM);
  EXPECT_EQ(child.wait(kLong)->signal, SIGTERM);
}

TEST(RunChild, PassesSignalsOnAndAnswersAsTheCommandDoes) {
  EXPECT_EQ(status_of([&] {
              SignalHold signals;
              // USR1 of this process reaches the command, which then ends in its own way.
              return run_child(shell("trap 'exit 42' USR1; kill -USR1 $PPID; while :; do :; done"),
                               signals)
                  .shell_status();
            }),
            42);
}

TEST(RunChild, EndsAtOnceWhenTheCommandHasEnded) {
  EXPECT_EQ(status_of([] {
              SignalHold signals;
              return run_child(shell("exit 3"), signals).shell_status();
            }),
            3);
}

TEST(RunChild, GivesTheCommandTheMaskFromBeforeTheHold) {
  EXPECT_EQ(status_of([] {
              SignalHold signals;
              // With TERM held back, the shell would go on and end with 0.
              return run_child(shell("kill -TERM $$; exit 0"), signals).shell_status();
            }),
            128 + SIGTERM);
}

TEST(SignalHold, KeepsSignalsUntilTheyAreAskedFor) {
  EXPECT_EQ(status_of([] {
              SignalHold signals;
              ::kill(::getpid(), SIGTERM);
              const auto first = signals.next(kLong, {});
              const auto second = signals.next(Duration(0), {});
              return first == SIGTERM && !second ? 0 : 1;
            }),
            0);
}

TEST(SignalHold, EndsItsWaitWhenStopped) {
  EXPECT_EQ(status_of([] {
              SignalHold signals;
              std::stop_source stop;
              const std::jthread stopper([&] { stop.request_stop(); });
              return signals.next(Duration::max(), stop.get_token()) ? 1 : 0;
            }),
            0);
}

TEST(ChildProcess, GetsATerminationWhenItsParentDies) {
  TemporaryDirectory folder;
  const std::string told = (folder / "told").native(), pipe = (folder / "pipe").native();
  ASSERT_EQ(::system(("mkfifo " + pipe).c_str()), 0);
  // The command holds the pipe open until it was told; reading to its end waits for that.
  const std::string script = "exec 3>" + pipe + "; trap 'echo told > " + told +
                             "; exit' TERM; echo ready >&3; while :; do :; done";
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto child = ChildProcess::start(shell(script));
    child.wait(Duration::max());
    ::_exit(0);
  }
  std::ifstream reader(pipe);
  std::string line;
  std::getline(reader, line);
  ::kill(parent, SIGKILL);
  while (std::getline(reader, line)) {
  }
  ::waitpid(parent, nullptr, 0);
  EXPECT_EQ(content(told), "told\n");
}

}  // namespace
}  // namespace holdfast::env
