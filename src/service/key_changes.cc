#include "service/key_changes.h"

#include <fmt/format.h>

#include "env/host.h"
#include "env/user.h"
#include "repository/key_removal.h"
#include "service/audit.h"

namespace holdfast::service {
namespace {

using repository::KeyInfo;
using repository::KeyKind;
using repository::Repository;

const Repository& encrypted_repository(Session& session) {
  const Repository& repository = session.repository();
  if (!repository.config().encrypted) {
    throw Error(ErrorCode::kUnsupported,
                "the repository is not encrypted, so it has no keys to change", {},
                "To have an encrypted one, make a new repository with `holdfast init` and back up "
                "into it.");
  }
  return repository;
}

KeyInfo add(Session& session, KeyKind kind, std::string_view secret, std::string_view label) {
  const Repository& repository = session.repository();
  return repository::add_key(session.store(), repository.config(), repository.keys().master, kind,
                             secret, label, session.world().clock.now());
}

// A removed key's secret must not open from the cache any more.
void remove(Session& session, const KeyInfo& key) {
  repository::remove_key(session.repository(), key.id);
  session.key_cache().forget(session.repository().config().id);
}

KeyInfo find_key(Session& session, std::string_view id) {
  std::vector<KeyInfo> found;
  for (const KeyInfo& key : repository::list_keys(session.store())) {
    if (!id.empty() && key.id.hex().starts_with(id)) found.push_back(key);
  }
  if (found.size() == 1) return found.front();
  throw Error(ErrorCode::kKeyMissing,
              found.empty() ? fmt::format("no key's id begins with \"{}\"", id)
                            : fmt::format("{} keys begin with \"{}\"", found.size(), id));
}

std::string described(const KeyInfo& key) {
  return fmt::format("{} {} \"{}\"", kind_name(key.kind), key.id.short_hex(), key.label);
}

}  // namespace

KeyInfo add_passphrase(Session& session, std::string_view label) {
  encrypted_repository(session);
  const std::string secret = new_passphrase(session.world(), session.prompt(), session.progress());
  return recording_failures(session, "key add", [&] {
    const KeyInfo key = add(session, KeyKind::kPassphrase, secret, label);
    record(session, "key add", "ok", described(key));
    return key;
  });
}

KeyInfo add_write_key(Session& session, std::string_view machine) {
  const Repository& repository = encrypted_repository(session);
  const std::string secret = new_passphrase(session.world(), session.prompt(), session.progress());
  return recording_failures(session, "key add", [&] {
    const KeyInfo key =
        repository::add_write_key(session.store(), repository.config(), repository.keys().master,
                                  secret, machine, session.world().clock.now());
    record(session, "key add", "ok", described(key));
    return key;
  });
}

ChangedKey change_passphrase(Session& session) {
  const Repository& repository = encrypted_repository(session);
  const KeyInfo old =
      repository::unlock(session.store(), repository.config(), session.passphrase()).key;
  if (old.kind == KeyKind::kRecovery) {
    throw Error(ErrorCode::kUsage,
                "the repository was opened with a recovery code, which has no passphrase to change",
                {},
                "Add a passphrase with `holdfast key add`, or a new code with `holdfast key "
                "recovery --replace`.");
  }
  const std::string secret = new_passphrase(session.world(), session.prompt(), session.progress());
  return recording_failures(session, "key change", [&] {
    const KeyInfo key = add(session, KeyKind::kPassphrase, secret, old.label);
    remove(session, old);
    record(session, "key change", "ok",
           fmt::format("{} in place of {}", described(key), old.id.short_hex()));
    return ChangedKey{key, old};
  });
}

NewRecoveryCode make_recovery_code(Session& session, bool replace) {
  encrypted_repository(session);
  return recording_failures(session, "key recovery", [&] {
    std::vector<KeyInfo> before;
    for (const KeyInfo& key : repository::list_keys(session.store())) {
      if (replace && key.kind == KeyKind::kRecovery) before.push_back(key);
    }
    NewRecoveryCode result{.code = repository::make_recovery_code(), .key = {}, .removed = {}};
    result.key = add(session, KeyKind::kRecovery, result.code, "recovery code");
    for (const KeyInfo& key : before) {
      remove(session, key);
      result.removed.push_back(key);
    }
    record(session, "key recovery", "ok",
           before.empty()
               ? described(result.key)
               : fmt::format("{} in place of {} older", described(result.key), before.size()));
    return result;
  });
}

KeyInfo remove_key(Session& session, std::string_view id) {
  encrypted_repository(session);
  return recording_failures(session, "key remove", [&] {
    const KeyInfo key = find_key(session, id);
    remove(session, key);
    record(session, "key remove", "ok", described(key));
    return key;
  });
}

std::string_view kind_name(KeyKind kind) {
  switch (kind) {
    case KeyKind::kPassphrase:
      return "passphrase";
    case KeyKind::kRecovery:
      return "recovery";
    case KeyKind::kOpen:
      return "open";
    case KeyKind::kWrite:
      return "write-only";
  }
  return "unknown";
}

std::string default_label() {
  return fmt::format("{}@{}", env::user_name(), env::this_process().host);
}

}  // namespace holdfast::service
