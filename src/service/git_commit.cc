#include "service/git_commit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "env/child_process.h"
#include "env/temporary_directory.h"

namespace holdfast::service {
namespace {

constexpr std::size_t kMinuteLength = 16;  // "2026-11-21 03:24"
constexpr std::size_t kMostSaid = 2000;
constexpr Duration kLook = std::chrono::milliseconds(200);

std::string last_of(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  if (text.size() > kMostSaid) text = "… " + text.substr(text.size() - kMostSaid);
  return text;
}

}  // namespace

std::string deployment_message(Time now) {
  return "Auto-backup before deployment " + format_local(now).substr(0, kMinuteLength);
}

Git::Said Git::run(std::vector<std::string> words) {
  words.insert(words.begin(), "git");
  const env::TemporaryDirectory folder;
  const env::Path file = folder / "said";
  const int output = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) throw system_error(errno, fmt::format("cannot write {}", file.string()));
  Said said;
  try {
    auto child = env::ChildProcess::start(
        {.command = std::move(words),
         .variables = {{"GIT_TERMINAL_PROMPT", "0"}, {"GIT_LITERAL_PATHSPECS", "1"}},
         .output = output});
    for (;;) {
      if (const auto exit = child.wait(kLook)) {
        said.status = exit->shell_status();
        break;
      }
      try {
        progress_.advance(0);
      } catch (const Error&) {
        child.send(SIGTERM);
        throw;
      }
    }
    ::close(output);
  } catch (const Error&) {
    ::close(output);
    throw;
  }
  said.text = as_text(env::read_file(files_, file));
  return said;
}

std::string Git::expect(const std::string& doing, std::vector<std::string> words) {
  const Said said = run(std::move(words));
  if (said.status != 0) {
    throw Error(ErrorCode::kGitFailed, fmt::format("git {} failed (status {}): {}", doing,
                                                   said.status, last_of(said.text)));
  }
  return last_of(said.text);
}

void Git::expect_work_tree() {
  if (expect("rev-parse", {"rev-parse", "--is-inside-work-tree"}) != "true") {
    throw Error(ErrorCode::kGitFailed, "this is no git work tree", "Nothing was changed.",
                "Run the command where the paths can be committed.");
  }
}

GitCommit Git::commit(const std::vector<std::string>& paths, const std::string& message) {
  const auto with_paths = [&](std::vector<std::string> words) {
    words.emplace_back("--");
    words.insert(words.end(), paths.begin(), paths.end());
    return words;
  };
  expect("add", with_paths({"add", "--all"}));
  GitCommit done;
  const Said changed = run(with_paths({"diff", "--cached", "--quiet"}));
  if (changed.status > 1) {
    throw Error(ErrorCode::kGitFailed, fmt::format("git diff failed (status {}): {}",
                                                   changed.status, last_of(changed.text)));
  }
  if (changed.status == 1) {
    expect("commit", with_paths({"commit", "--quiet", "--message", message, "--only"}));
    done.committed = true;
  }
  const Said head = run({"rev-parse", "--verify", "HEAD"});
  if (head.status == 0) done.commit = last_of(head.text);
  return done;
}

void Git::push() { expect("push", {"push"}); }

}  // namespace holdfast::service
