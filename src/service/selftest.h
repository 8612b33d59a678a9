// The safety chain, proved on a user's own configuration and away from their data.
#ifndef HOLDFAST_SERVICE_SELFTEST_H_
#define HOLDFAST_SERVICE_SELFTEST_H_

#include <functional>
#include <string>
#include <vector>

#include "service/session.h"

namespace holdfast::service {

struct SelftestPart {
  std::string name;
  bool passed = false;
  std::string detail;  // what was shown, or what went wrong
  double seconds = 0;
};

// One after the other; `done` gets each at once. A part that fails does not end the others. On a
// scratch copy, save that each place the configuration names (the repository, the folders of
// exports, spool and emergency copies) takes a small file, which is removed at once, and that
// snapshots and exports there can be read. Throws kInterrupted, kConfiguration without collections,
// kPermissionDenied where no scratch copy may be made; nothing is left behind either way.
std::vector<SelftestPart> run_selftest(Session& session,
                                       const std::function<void(const SelftestPart&)>& done);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SELFTEST_H_
