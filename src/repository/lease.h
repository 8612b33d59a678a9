// The right to write one timeline: the objects `leases/<series>/<number>`.
//
// The next number is created exclusively, so of several that want it one gets it, and the number is
// the fencing token: it is the branch that every object of this holder names. A holder that does
// not know yet that it was deposed writes to its own branch, which nobody else's main line contains
// after the point where the next holder took over.
//
// There are no heartbeats, so an idle holder asks nothing of the store. A holder shows that it
// lives by what it writes. Another one takes over
//   - at once when the lease was released, or its holder is certainly dead (same host and boot);
//   - when neither the lease nor the newest segment of its branch changed during the observer's own
//     wait, measured by the observer's elapsed(): no clock is compared with another.
// A live but idle holder that is taken over loses nothing: it finds out before its next write.
//
// docs/format.md, "Leases".
#ifndef HOLDFAST_REPOSITORY_LEASE_H_
#define HOLDFAST_REPOSITORY_LEASE_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "env/host.h"
#include "repository/repository.h"
#include "repository/timeline.h"

namespace holdfast::repository {

struct LeaseInfo {
  Branch number = 0;
  env::ProcessIdentity holder;
  std::string user, command;
  Time taken{};           // by the holder's clock, for people
  bool released = false;  // `leases/<series>/<number>-released` is there
  bool readable = true;   // one that cannot be read counts as a live holder
};
// The newest; empty if there never was one.
std::optional<LeaseInfo> newest_lease(const Repository& repository, std::string_view series);

struct LeaseOptions {
  std::chrono::milliseconds stale_after{30'000};  // nothing changed for so long: take over
  std::chrono::milliseconds longest_wait{0};      // for one that lives; 0: do not wait
  std::chrono::milliseconds look_every{500};
  // A lease that was not looked at for so long is looked at before anything is written. At most a
  // quarter of stale_after.
  std::chrono::milliseconds confirm_after{5'000};
};

// Thread safe. Destroying it does not release: what a crash would leave is left.
class Lease {
 public:
  // Waits as the options say; without a wait, only one that is released or certainly dead is taken
  // over. Throws kLeaseHeld naming the holder when the wait is over,
  // kInterrupted, and what the store throws.
  static Lease acquire(const Repository& repository, std::string_view series,
                       const LeaseOptions& options, std::string_view command, std::stop_token stop);

  Branch branch() const { return branch_; }
  // Before each write. Asks the store only when the last answer is older than `confirm_after` by
  // the elapsed clock (a process that was stopped finds it old). False once another holder is
  // there, or after release(): for good. Throws what the store throws, and then it is not known.
  bool confirm();
  // The same, asking the store in any case.
  bool confirm_now();
  Duration confirm_after() const { return options_.confirm_after; }
  // Lets the next one in at once. What was written must be durable before. Failing is no loss.
  void release();

 private:
  Lease(const Repository& repository, std::string series, LeaseOptions options, Branch branch,
        Duration confirmed);

  const Repository* repository_;
  std::string series_;
  LeaseOptions options_;
  Branch branch_ = 0;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  Duration confirmed_{};  // before the question, by the elapsed clock
  bool lost_ = false;
};

// Removes leases below the newest two.
void remove_old_leases(const Repository& repository, std::string_view series);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_LEASE_H_
