// A real PostgreSQL server for tests, in a directory of its own, reached by a socket in it.
#ifndef HOLDFAST_POSTGRES_TEST_SERVER_H_
#define HOLDFAST_POSTGRES_TEST_SERVER_H_

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "env/child_process.h"
#include "env/temporary_directory.h"
#include "postgres/connection.h"

namespace holdfast::postgres {

// Throws Error where no PostgreSQL is installed, or it does not start.
class TestServer {
 public:
  TestServer() : binaries_(find_binaries()) {
    // PostgreSQL refuses to run for root.
    if (::geteuid() == 0) {
      const passwd* user = ::getpwnam("postgres");
      if (user == nullptr) throw Error(ErrorCode::kNotFound, "there is no user postgres");
      if (::chown(directory_.path().c_str(), user->pw_uid, user->pw_gid) != 0) {
        throw system_error(errno, "cannot give a directory to postgres");
      }
    }
    run(
        fmt::format("{} -D {} -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync "
                    "--no-instructions --wal-segsize=1 >{} 2>&1",
                    (binaries_ / "initdb").string(), data().string(), log().string()));
    start();
  }
  ~TestServer() { stop(SIGQUIT); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  // One for all tests of a program.
  static TestServer& shared() {
    static TestServer server;
    return server;
  }

  std::string socket() const { return (directory_ / ".s.PGSQL.5432").string(); }
  std::string url(const std::string& database) const {
    return fmt::format("postgres://postgres@/{}?host={}", database, directory_.path().string());
  }
  // Answers the first column of the first row of the last statement.
  std::string sql(const std::string& database, const std::string& text) {
    const auto results = Connection(Address(url(database)), {}).script(text);
    if (results.empty() || results.back().rows() == 0) return {};
    return std::string(results.back().text(0, 0));
  }
  // An empty one.
  std::string new_database() {
    const std::string name = fmt::format("test_{}", ++databases_);
    sql("postgres", "CREATE DATABASE " + name);
    return name;
  }

  void start() {
    process_.emplace(env::ChildProcess::start(
        {.command = shell(fmt::format("{} -D {} -k {} -c listen_addresses= -c fsync=off "
                                      "-c max_wal_size=64MB -c shared_buffers=16MB >>{} 2>&1",
                                      (binaries_ / "postgres").string(), data().string(),
                                      directory_.path().string(), log().string())),
         .variables = {}}));
    for (;;) {
      try {
        Connection(Address(url("postgres")), {});
        return;
      } catch (const Error& error) {
        const bool ended = process_->wait(Duration(20'000)).has_value();
        if (ended || error.code() != ErrorCode::kUnavailable) throw;
      }
    }
  }
  // SIGINT: in good order; SIGQUIT: as by a crash.
  void stop(int signal) {
    if (!process_) return;
    process_->send(signal);
    while (!process_->wait(std::chrono::seconds(1))) {
    }
    process_.reset();
  }

 private:
  static std::filesystem::path find_binaries() {
    std::filesystem::path newest;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
      const auto folder = entry.path() / "bin";
      if (std::filesystem::exists(folder / "initdb")) newest = std::max(newest, folder);
    }
    if (newest.empty()) throw Error(ErrorCode::kNotFound, "PostgreSQL is not installed");
    return newest;
  }
  // The server ends with this process, however that ends.
  static std::vector<std::string> shell(const std::string& command) {
    std::vector<std::string> words;
    if (::geteuid() == 0) {
      words = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
               "--pdeathsig=QUIT"};
    }
    words.insert(words.end(), {"sh", "-c", "cd / && exec " + command});
    return words;
  }
  void run(const std::string& command) {
    auto child = env::ChildProcess::start({.command = shell(command), .variables = {}});
    std::optional<env::ChildExit> end;
    while (!(end = child.wait(std::chrono::seconds(1)))) {
    }
    if (end->shell_status() != 0) {
      throw Error(ErrorCode::kIo, fmt::format("this failed: {}", command));
    }
  }
  std::filesystem::path data() const { return directory_ / "data"; }
  std::filesystem::path log() const { return directory_ / "log"; }

  std::filesystem::path binaries_;
  env::TemporaryDirectory directory_;
  std::optional<env::ChildProcess> process_;
  int databases_ = 0;
};

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_TEST_SERVER_H_
