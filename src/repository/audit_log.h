// Who changed what, when, and how it ended: the objects `log/<time>-<id>`.
#ifndef HOLDFAST_REPOSITORY_AUDIT_LOG_H_
#define HOLDFAST_REPOSITORY_AUDIT_LOG_H_

#include <string>
#include <vector>

#include "base/time.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

struct LogEntry {
  Time time{};
  std::string host, user, command;
  std::string operation;  // "backup", "restore", "forget", "prune", "key add", "init"
  std::string result;     // "ok" or the error's name
  std::string detail;     // one sentence
};

// A successful backup is not written again: its snapshot is its entry, and forget records the
// entries of what it removed
// (`forgotten`), so that the trail stays complete.
void record(const Repository& repository, const LogEntry& entry,
            const std::vector<LogEntry>& forgotten = {});
LogEntry entry_of(const Snapshot& snapshot);
// Oldest first; entries that cannot be read are said so in their place.
std::vector<LogEntry> read_log(const Repository& repository);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_AUDIT_LOG_H_
