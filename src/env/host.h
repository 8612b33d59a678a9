// Who and where this process is, and which processes hold a file.
#ifndef HOLDFAST_ENV_HOST_H_
#define HOLDFAST_ENV_HOST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "env/file_system.h"

namespace holdfast::env {

struct ProcessIdentity {
  std::string host;  // host name
  std::string
      boot_id;  // of this boot of the kernel and this container; empty where the system has none
  std::int64_t pid = 0;
  std::int64_t start_ticks = 0;  // tells a reused pid apart
  bool operator==(const ProcessIdentity&) const = default;
};
ProcessIdentity this_process();
// Of a process that runs; empty where that cannot be told.
std::optional<ProcessIdentity> running_process(std::int64_t pid);
// True only when it is certain: same host and boot, and no process of that pid and start is there.
bool is_certainly_dead(const ProcessIdentity& process);

struct FileUser {
  std::int64_t pid = 0;
  std::string command;  // "python3"
};
// Other processes that have `path` open, as far as this user may see (/proc/*/fd).
std::vector<FileUser> users_of(const Path& path);
// Files whose names begin with `name` that the process has mapped, each once, as paths that lead to
// them from here, also into its container. Empty where this user may not see it.
std::vector<Path> mapped_files(std::int64_t pid, std::string_view name);

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_HOST_H_
