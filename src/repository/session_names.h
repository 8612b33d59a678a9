// What the objects of sealed sessions are called, and those that say what became of them.
#ifndef HOLDFAST_REPOSITORY_SESSION_NAMES_H_
#define HOLDFAST_REPOSITORY_SESSION_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"

namespace holdfast::repository {

inline constexpr std::string_view kSealedPrefix = "sealed/";
inline constexpr std::string_view kAdoptedPrefix = "adopted/";
inline constexpr std::string_view kSessionKeyName = "key";  // within the folder of a session

// What became of a session.
enum class SessionMark {
  kTaken,    // it is in the repository, or was: it is never taken in again
  kBase,     // its snapshot stands, so the machine may go on from it
  kLeaving,  // not any more: somebody is about to forget it
  kRefused,  // it cannot be taken in
};

// "sealed/<key>/<session>/"; everything that a key sent without a session.
std::string session_folder(const ObjectId& key, const SnapshotId& session);
std::string sealed_folder(const ObjectId& key);
// "adopted/<key>/<session>-taken".
std::string session_mark_name(const ObjectId& key, const SnapshotId& session, SessionMark mark);
std::string marks_folder(const ObjectId& key);

struct SessionPart {
  ObjectId key;
  SnapshotId session;
  std::string_view name;  // of the object within its session
};
std::optional<SessionPart> session_part(std::string_view name);
struct ParsedSessionMark {
  ObjectId key;
  SnapshotId session;
  SessionMark mark;
};
std::optional<ParsedSessionMark> parse_session_mark(std::string_view name);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_SESSION_NAMES_H_
