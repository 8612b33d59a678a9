#include "repository/session_marks.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "repository/document.h"
#include "repository/json_fields.h"

namespace holdfast::repository {
namespace {

constexpr std::size_t kMostMarkBytes = 64u << 10;

std::string name_of_mark(const SessionId& session, SessionMark mark) {
  return session_mark_name(session.first, session.second, mark);
}

}  // namespace

SessionMarks list_session_marks(const Repository& repository) {
  SessionMarks marks;
  repository.store().list_names(kAdoptedPrefix, [&](std::string_view name) {
    if (const auto found = parse_session_mark(name))
      marks[{found->key, found->session}].insert(found->mark);
  });
  return marks;
}

void put_session_mark(const Repository& repository, const SessionId& session, SessionMark mark,
                      std::string_view why) {
  const std::string name = name_of_mark(session, mark);
  const std::string content =
      dump_json({{"format", 1}, {"time", format_rfc3339(repository.clock().now())}, {"why", why}});
  try {
    repository.store().put(name,
                           seal_document(repository.keys().documents, DocumentKind::kAdoption, name,
                                         as_bytes(content)),
                           {.transient = true});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kAlreadyExists) throw;
  }
}

std::string reason_of(const Repository& repository, const SessionId& session, SessionMark mark) {
  const std::string name = name_of_mark(session, mark);
  try {
    const Bytes content = open_document(repository.keys().documents, DocumentKind::kAdoption, name,
                                        repository.store().get(name));
    const JsonOrigin origin{ErrorCode::kDamagedObject, name};
    const nlohmann::json value = parse_json(content, kMostMarkBytes, origin);
    return JsonFields(value, origin).text("why", kMostMarkBytes);
  } catch (const Error&) {
    return {};
  }
}

void remove_session_mark(const Repository& repository, const SessionId& session, SessionMark mark) {
  try {
    repository.store().remove(name_of_mark(session, mark));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
}

}  // namespace holdfast::repository
