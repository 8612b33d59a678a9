#include "service/copies.h"

#include "repository/snapshot.h"
#include "service/local_state.h"

namespace holdfast::service {

Session* CopiesInTurn::find(std::size_t number) {
  while (opened_.size() <= number && !left_.empty()) {
    const RepositoryConfiguration* copy = left_.front();
    left_.erase(left_.begin());
    try {
      auto there = session_.beside(*copy);
      repository::snapshot_ids(there->repository());
      session_.progress().notice(
          fmt::format("what is missing is taken from the copy {} ({})", copy->name, copy->place));
      opened_.push_back(std::move(there));
    } catch (const Error& error) {
      session_.progress().warning(fmt::format("the copy {} ({}) cannot help: {}", copy->name,
                                              copy->place, error.happened()));
    }
  }
  return number < opened_.size() ? opened_[number].get() : nullptr;
}

std::unique_ptr<Session> CopiesInTurn::take_first() {
  return find(0) == nullptr ? nullptr : std::move(opened_.front());
}

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
  history.copy = CopiesInTurn(session).take_first();
  if (history.copy) history.known = &history.copy->repository();
  return history;
}

}  // namespace holdfast::service
