#include "env/host.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <stdexcept>

#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

// A child process that waits until it is released, holding what its parent had open.
class Child {
 public:
  Child() {
    if (::pipe(pipe_.data()) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(pipe_[1]);
      char byte;
      while (::read(pipe_[0], &byte, 1) > 0) {
      }
      ::_exit(0);
    }
    ::close(pipe_[0]);
  }
  ~Child() { end(); }
  pid_t pid() const { return pid_; }

  void let_exit() {
    if (pipe_[1] >= 0) ::close(pipe_[1]);
    pipe_[1] = -1;
    siginfo_t info;
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void end() {
    if (pid_ <= 0) return;
    let_exit();
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  std::array<int, 2> pipe_{-1, -1};
  pid_t pid_ = 0;
};

// Field 22 of proc(5)'s stat; the test program's name holds no spaces.
std::int64_t start_ticks_of(pid_t pid) {
  const Bytes stat = [&] {
    Bytes content(4096);
    const auto file = posix_file_system().open_read("/proc/" + std::to_string(pid) + "/stat");
    content.resize(file->read_at(0, content));
    return content;
  }();
  std::istringstream fields{std::string(as_text(stat))};
  std::string field;
  for (int i = 0; i < 22; ++i) fields >> field;
  return std::stoll(field);
}

ProcessIdentity identity_of(pid_t pid) {
  ProcessIdentity identity = this_process();
  identity.pid = pid;
  identity.start_ticks = start_ticks_of(pid);
  return identity;
}

TEST(ThisProcess, KnowsItself) {
  const ProcessIdentity identity = this_process();
  EXPECT_EQ(identity.pid, ::getpid());
  EXPECT_FALSE(identity.host.empty());
  EXPECT_FALSE(identity.boot_id.empty());
  EXPECT_GT(identity.start_ticks, 0);
}

TEST(IsCertainlyDead, IsFalseForALivingProcess) {
  EXPECT_FALSE(is_certainly_dead(this_process()));
  Child child;
  EXPECT_FALSE(is_certainly_dead(identity_of(child.pid())));
}

TEST(IsCertainlyDead, IsTrueOnceAProcessHasExitedAlsoBeforeItsParentLooks) {
  Child child;
  const ProcessIdentity identity = identity_of(child.pid());
  child.let_exit();
  EXPECT_TRUE(is_certainly_dead(identity));
  child.end();
  EXPECT_TRUE(is_certainly_dead(identity));
}

TEST(IsCertainlyDead, TellsAReusedPidApart) {
  ProcessIdentity identity = this_process();
  identity.start_ticks -= 1;
  EXPECT_TRUE(is_certainly_dead(identity));
}

TEST(IsCertainlyDead, IsNeverSureAboutAnotherHostOrBoot) {
  Child child;
  const ProcessIdentity dead = identity_of(child.pid());
  child.end();
  ProcessIdentity elsewhere = dead;
  elsewhere.host += "x";
  EXPECT_FALSE(is_certainly_dead(elsewhere));
  ProcessIdentity earlier = dead;
  earlier.boot_id = "another";
  EXPECT_FALSE(is_certainly_dead(earlier));
  earlier.boot_id.clear();
  EXPECT_FALSE(is_certainly_dead(earlier));
}

TEST(UsersOf, NamesTheOtherProcessesThatHaveAFileOpen) {
  const TemporaryDirectory directory;
  const auto file = posix_file_system().create(directory / "held");
  EXPECT_TRUE(users_of(directory / "held").empty()) << "counts itself";
  Child child;
  const auto users = users_of(directory / "held");
  ASSERT_EQ(users.size(), 1u);
  EXPECT_EQ(users[0].pid, child.pid());
  EXPECT_FALSE(users[0].command.empty());
  child.end();
  EXPECT_TRUE(users_of(directory / "held").empty());
}

TEST(UsersOf, IsEmptyForAFileThatIsNotThere) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(users_of(directory / "absent").empty());
}

TEST(MappedFiles, LeadsToTheLibrariesOfAnotherProcess) {
  Child child;
  const auto found = mapped_files(child.pid(), "libc.so");
  ASSERT_EQ(found.size(), 1u) << "mapped in several pieces, but one file";
  EXPECT_TRUE(posix_file_system().status(found[0]));
  EXPECT_TRUE(mapped_files(child.pid(), "libnothing").empty());
  const pid_t gone = child.pid();
  child.end();
  EXPECT_TRUE(mapped_files(gone, "libc.so").empty());
}

}  // namespace
}  // namespace holdfast::env
