#include "repository/session_names.h"

#include <fmt/format.h>

namespace holdfast::repository {
namespace {

constexpr std::size_t kIdDigits = 2 * ObjectId::kSize;

std::string_view word_of(SessionMark mark) {
  switch (mark) {
    case SessionMark::kTaken:
      return "taken";
    case SessionMark::kBase:
      return "base";
    case SessionMark::kLeaving:
      return "leaving";
    case SessionMark::kRefused:
      break;
  }
  return "refused";
}

// What follows "<prefix><key><between><session>", and both ids.
std::optional<SessionPart> parse_name(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  if (name.size() < 2 * kIdDigits + 3 || name[kIdDigits] != '/') return std::nullopt;
  const auto key = ObjectId::from_hex(name.substr(0, kIdDigits));
  const auto session = SnapshotId::from_hex(name.substr(kIdDigits + 1, kIdDigits));
  if (!key || !session) return std::nullopt;
  return SessionPart{.key = *key, .session = *session, .name = name.substr(2 * kIdDigits + 1)};
}

}  // namespace

std::string sealed_folder(const ObjectId& key) {
  return fmt::format("{}{}/", kSealedPrefix, key.hex());
}

std::string session_folder(const ObjectId& key, const SnapshotId& session) {
  return fmt::format("{}{}/", sealed_folder(key), session.hex());
}

std::string marks_folder(const ObjectId& key) {
  return fmt::format("{}{}/", kAdoptedPrefix, key.hex());
}

std::string session_mark_name(const ObjectId& key, const SnapshotId& session, SessionMark mark) {
  return fmt::format("{}{}-{}", marks_folder(key), session.hex(), word_of(mark));
}

std::optional<SessionPart> session_part(std::string_view name) {
  auto part = parse_name(name, kSealedPrefix);
  if (!part || part->name.front() != '/') return std::nullopt;
  part->name.remove_prefix(1);
  if (session_folder(part->key, part->session).append(part->name) != name) return std::nullopt;
  return part;
}

std::optional<ParsedSessionMark> parse_session_mark(std::string_view name) {
  const auto part = parse_name(name, kAdoptedPrefix);
  if (!part) return std::nullopt;
  for (const SessionMark mark :
       {SessionMark::kTaken, SessionMark::kBase, SessionMark::kLeaving, SessionMark::kRefused}) {
    if (session_mark_name(part->key, part->session, mark) == name) {
      return ParsedSessionMark{.key = part->key, .session = part->session, .mark = mark};
    }
  }
  return std::nullopt;
}

}  // namespace holdfast::repository
