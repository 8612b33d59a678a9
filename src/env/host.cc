#include "env/host.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

namespace holdfast::env {
namespace {

std::string read_line(const Path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

// A pid means nothing in another container of the same kernel, so its namespace is part of the
// boot's identity.
std::string boot_identity() {
  const std::string boot = read_line("/proc/sys/kernel/random/boot_id");
  struct stat pid_namespace{};
  if (boot.empty() || ::stat("/proc/self/ns/pid", &pid_namespace) != 0) return boot;
  return fmt::format("{}:{}", boot, pid_namespace.st_ino);
}

struct ProcessStatus {
  char state = '\0';
  std::int64_t threads = 0;
  std::int64_t start_ticks = 0;
};

// proc(5): the second field is the command in parentheses, which may itself hold spaces and
// parentheses.
std::optional<ProcessStatus> status_of(std::int64_t pid) {
  const std::string line = read_line(fmt::format("/proc/{}/stat", pid));
  const auto command_end = line.rfind(')');
  if (command_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(command_end + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  constexpr std::size_t kState = 0, kThreads = 17, kStart = 19;
  if (fields.size() <= kStart) return std::nullopt;
  const auto number = [](const std::string& text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  return ProcessStatus{.state = fields[kState][0],
                       .threads = number(fields[kThreads]),
                       .start_ticks = number(fields[kStart])};
}

bool holds(std::int64_t pid, const struct stat& wanted) {
  std::error_code error;
  const Path folder = fmt::format("/proc/{}/fd", pid);
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    struct stat found{};
    if (::stat(at->path().c_str(), &found) == 0 && found.st_dev == wanted.st_dev &&
        found.st_ino == wanted.st_ino) {
      return true;
    }
  }
  return false;
}

}  // namespace

ProcessIdentity this_process() {
  if (auto identity = running_process(::getpid())) return *std::move(identity);
  return {.host = host_name(), .boot_id = boot_identity(), .pid = ::getpid()};
}

std::optional<ProcessIdentity> running_process(std::int64_t pid) {
  const auto status = status_of(pid);
  std::string boot = boot_identity();
  if (!status || status->start_ticks == 0 || boot.empty()) return std::nullopt;
  return ProcessIdentity{.host = host_name(),
                         .boot_id = std::move(boot),
                         .pid = pid,
                         .start_ticks = status->start_ticks};
}

bool is_certainly_dead(const ProcessIdentity& process) {
  const std::string boot = boot_identity();
  if (boot.empty() || process.boot_id != boot || process.host != host_name()) return false;
  if (process.pid <= 0) return false;
  const auto status = status_of(process.pid);
  if (!status) return ::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH;
  if (status->start_ticks != process.start_ticks) return true;
  return status->state == 'Z' && status->threads <= 1;
}

std::vector<FileUser> users_of(const Path& path) {
  std::vector<FileUser> users;
  struct stat wanted{};
  if (::stat(path.c_str(), &wanted) != 0) return users;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename();
    std::int64_t pid = 0;
    const auto [last, problem] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (problem != std::errc{} || last != name.data() + name.size() || pid == ::getpid()) continue;
    if (holds(pid, wanted)) {
      users.push_back({.pid = pid, .command = read_line(at->path() / "comm")});
    }
  }
  std::sort(users.begin(), users.end(),
            [](const FileUser& a, const FileUser& b) { return a.pid < b.pid; });
  return users;
}

// proc(5): address, permissions, offset, device, inode, and then the path to the end of the line.
std::vector<Path> mapped_files(std::int64_t pid, std::string_view name) {
  std::vector<Path> found;
  const Path process = fmt::format("/proc/{}", pid);
  std::ifstream maps(process / "maps");
  for (std::string line; std::getline(maps, line);) {
    const auto slash = line.find('/');
    if (slash == std::string::npos) continue;
    const Path path = line.substr(slash);
    if (!path.filename().native().starts_with(name)) continue;
    const Path from_here = process / "root" / path.relative_path();
    if (std::find(found.begin(), found.end(), from_here) == found.end()) found.push_back(from_here);
  }
  return found;
}

}  // namespace holdfast::env
