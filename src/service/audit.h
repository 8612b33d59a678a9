// The trail of what was changed (A10): who, when, what, and how it ended.
#ifndef HOLDFAST_SERVICE_AUDIT_H_
#define HOLDFAST_SERVICE_AUDIT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "repository/audit_log.h"
#include "service/session.h"

namespace holdfast::service {

// Writes an entry, and warns if that fails: a failure to log never hides what happened.
void record(Session& session, std::string_view operation, std::string_view result,
            std::string detail, const std::vector<repository::LogEntry>& forgotten = {});
// The entry of a failure. Whoever was only refused (usage, no such snapshot, not confirmed) changed
// nothing and leaves no entry.
void record_failure(Session& session, std::string_view operation, const Error& error);

// Runs `work` and records its failure, if it fails, before passing it on.
template <typename Work>
auto recording_failures(Session& session, std::string_view operation, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const Error& error) {
    record_failure(session, operation, error);
    throw;
  }
}

// The arguments as one line that a shell would read as the same arguments.
std::string shell_quoted(const std::vector<std::string>& arguments);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_AUDIT_H_
