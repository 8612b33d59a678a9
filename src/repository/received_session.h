#ifndef HOLDFAST_REPOSITORY_RECEIVED_SESSION_H_
#define HOLDFAST_REPOSITORY_RECEIVED_SESSION_H_

#include <span>

#include "repository/sealed_session.h"
#include "repository/sessions.h"

namespace holdfast::repository {

// A complete session, unsealed: what it claims, before any of it is taken in.
class ReceivedSession {
 public:
  // `info` has a key, and must outlive this. Throws kDamagedObject unless it was made with that key
  // and holds one snapshot of that machine.
  ReceivedSession(const Repository& repository, const SessionInfo& info);

  const Repository& repository() const { return *repository_; }
  const Snapshot& snapshot() const { return snapshot_; }
  // Throws kDamagedObject if one of its databases is known from another host.
  void check_company(std::span<const Snapshot> standing) const;

 private:
  void check_snapshot();

  const SessionInfo& info_;
  ReceivingFolder folder_;
  std::optional<Repository> repository_;
  Snapshot snapshot_;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_RECEIVED_SESSION_H_
