// The unlocked master key, kept for the rest of the session so that Argon2id is paid once: in the
// kernel's keyring, or, where that is forbidden (containers), in a 0600 file on tmpfs
// (XDG_RUNTIME_DIR, /run/user/UID, /dev/shm) and nowhere else.
#ifndef HOLDFAST_REPOSITORY_KEY_CACHE_H_
#define HOLDFAST_REPOSITORY_KEY_CACHE_H_

#include <chrono>
#include <optional>
#include <string_view>

#include "base/id.h"
#include "codec/secret_key.h"

namespace holdfast::repository {

class KeyCache {
 public:
  virtual ~KeyCache() = default;
  // The master key stored under the very same secret; empty if there is none, it expired, or
  // anything at all is wrong with it. An entry is bound to the secret by a keyed hash, so a wrong
  // passphrase never opens.
  virtual std::optional<codec::SecretKey> find(const RepositoryId& repository,
                                               std::string_view secret) = 0;
  // Failing to keep it is no error.
  virtual void keep(const RepositoryId& repository, std::string_view secret,
                    const codec::SecretKey& master) = 0;
  virtual void forget(const RepositoryId& repository) = 0;
};

KeyCache& no_key_cache();
// Entries expire after `lifetime` without use.
KeyCache& session_key_cache(std::chrono::seconds lifetime = std::chrono::hours(1));

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_KEY_CACHE_H_
