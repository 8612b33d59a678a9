// The objects `adopted/<key>/<session>-…`: what became of a sealed session. The machine learns from
// their names whether it may go on from what it sent; only who can read the repository can make
// them.
#ifndef HOLDFAST_REPOSITORY_SESSION_MARKS_H_
#define HOLDFAST_REPOSITORY_SESSION_MARKS_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "repository/repository.h"
#include "repository/session_names.h"

namespace holdfast::repository {

using SessionId = std::pair<ObjectId, SnapshotId>;  // key, session
using SessionMarks = std::map<SessionId, std::set<SessionMark>>;

SessionMarks list_session_marks(const Repository& repository);

// `why` is for people. One that is there already stays.
void put_session_mark(const Repository& repository, const SessionId& session, SessionMark mark,
                      std::string_view why = {});
// Why it was put; empty if that cannot be told.
std::string reason_of(const Repository& repository, const SessionId& session, SessionMark mark);
void remove_session_mark(const Repository& repository, const SessionId& session, SessionMark mark);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SESSION_MARKS_H_
