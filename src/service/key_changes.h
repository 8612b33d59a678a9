// Keys of a repository, added and taken away.
#ifndef HOLDFAST_SERVICE_KEY_CHANGES_H_
#define HOLDFAST_SERVICE_KEY_CHANGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "repository/keys.h"
#include "service/session.h"

namespace holdfast::service {

// Each throws kUnsupported for a repository without encryption, and leaves an entry in the log.
repository::KeyInfo add_passphrase(Session& session, std::string_view label);
// For a machine that is to make backups and nothing else: see repository/write_key.h.
repository::KeyInfo add_write_key(Session& session, std::string_view machine);
// A new passphrase in place of the one that the repository was opened with. The new key is there
// before the old one goes, so an interruption leaves both.
struct ChangedKey {
  repository::KeyInfo added, removed;
};
ChangedKey change_passphrase(Session& session);
struct NewRecoveryCode {
  std::string code;
  repository::KeyInfo key;
  std::vector<repository::KeyInfo> removed;
};
NewRecoveryCode make_recovery_code(Session& session, bool replace);
// By an id or its beginning. Throws kKeyMissing, kLastKey.
repository::KeyInfo remove_key(Session& session, std::string_view id);

std::string_view kind_name(repository::KeyKind kind);
// What a key is called when nobody says: "user@host".
std::string default_label();

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_KEY_CHANGES_H_
