#include "service/copies.h"

#include "repository/snapshot.h"
#include "service/local_state.h"

namespace holdfast::service {

namespace {

std::unique_ptr<Session> reachable_copy(Session& session) {
  for (const RepositoryConfiguration* copy : session.copies()) {
    try {
      auto there = session.beside(*copy);
      repository::snapshot_ids(there->repository());
      session.progress().notice(
          fmt::format("what is missing is taken from the copy {} ({})", copy->name, copy->place));
      return there;
    } catch (const Error& error) {
      session.progress().warning(fmt::format("the copy {} ({}) cannot help: {}", copy->name,
                                             copy->place, error.happened()));
    }
  }
  return nullptr;
}

}  // namespace

bool may_be_elsewhere(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kRepositoryMissing:
    case ErrorCode::kSnapshotMissing:
    case ErrorCode::kPositionMissing:
    case ErrorCode::kDamagedObject:
    case ErrorCode::kMissingObject:
    case ErrorCode::kDamagedKey:
    case ErrorCode::kChecksumMismatch:
    case ErrorCode::kUnavailable:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kIo:
      return true;
    default:
      return false;
  }
}

ReachableHistory reachable_history(Session& session, std::span<const Database> databases) {
  ReachableHistory history;
  try {
    history.first = history.known = reachable_repository(session, databases);
  } catch (const Error& error) {
    if (session.copies().empty() || !may_be_elsewhere(error)) throw;
    session.progress().warning(error.happened());
  }
  if (history.first != nullptr) return history;
  history.copy = reachable_copy(session);
  if (history.copy) history.known = &history.copy->repository();
  return history;
}

}  // namespace holdfast::service
