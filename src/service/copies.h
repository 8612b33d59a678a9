// Where else history is, when a repository cannot give it.
#ifndef HOLDFAST_SERVICE_COPIES_H_
#define HOLDFAST_SERVICE_COPIES_H_

#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "service/databases.h"
#include "service/session.h"

namespace holdfast::service {

// Whether another copy may have what this one could not give.
bool may_be_elsewhere(const Error& error);

// What is known of the past when a database is to be made what it must be.
struct ReachableHistory {
  const repository::Repository* first = nullptr;  // the session's own; null if it is away
  std::unique_ptr<Session> copy;                  // that is relied on instead; null if none is
  const repository::Repository* known = nullptr;  // one of them; null if all are away
};
// As reachable_repository(); where the first one is away or lost, the first copy that opens, in the
// order of the configuration, takes its place, and that is said.
ReachableHistory reachable_history(Session& session, std::span<const Database> databases);

// The copies of a session's repository that open, in the order of the configuration, each when it
// is wanted; of each it is said. The session must outlive it.
class CopiesInTurn {
 public:
  explicit CopiesInTurn(Session& session) : session_(session), left_(session.copies()) {}
  // The session on number `number`, from 0; null if there are not so many.
  Session* find(std::size_t number);
  const repository::Repository* reachable(std::size_t number) {
    Session* const found = find(number);
    return found == nullptr ? nullptr : &found->repository();
  }
  std::unique_ptr<Session> take_first();

 private:
  Session& session_;
  std::vector<const RepositoryConfiguration*> left_;  // that were not tried
  std::vector<std::unique_ptr<Session>> opened_;
};

// Runs `work(Session&)`; where the repository cannot give what it wants, again on each of its
// copies in turn until one can, and says so. If none can, what the first one said is thrown.
template <typename Work>
auto with_copies(Session& session, const Work& work) {
  try {
    return work(session);
  } catch (const Error& first) {
    const auto copies = session.copies();
    if (copies.empty() || !may_be_elsewhere(first)) throw;
    Error last = first;
    for (const RepositoryConfiguration* copy : copies) {
      session.progress().warning(
          fmt::format("going to the copy {} ({}): {}", copy->name, copy->place, last.happened()));
      try {
        return work(*session.beside(*copy));
      } catch (const Error& error) {
        if (!may_be_elsewhere(error)) throw;
        last = error;
      }
    }
    throw Error(first.code(), fmt::format("{}; nor can any of its copies give it: {}",
                                          first.happened(), last.happened()));
  }
}

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_COPIES_H_
