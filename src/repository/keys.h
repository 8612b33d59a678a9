// The objects `keys/<id>`: the master key, wrapped once for each passphrase or recovery code; or
// the secret of a machine that may only write (write_key.h).
//
// In an unencrypted repository one key object of kind `open` holds the master key in clear:
// everything else is the same, so integrity is checked alike, but whoever reads the repository
// reads its content.
#ifndef HOLDFAST_REPOSITORY_KEYS_H_
#define HOLDFAST_REPOSITORY_KEYS_H_

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "codec/passphrase.h"
#include "codec/sealed_box.h"
#include "codec/secret_key.h"
#include "repository/config.h"
#include "storage/store.h"

namespace holdfast::repository {

enum class KeyKind { kPassphrase, kRecovery, kOpen, kWrite };

struct KeyInfo {
  ObjectId id;
  KeyKind kind = KeyKind::kPassphrase;
  std::string label;  // chosen by the user, or the host it was added on; kWrite: the machine
  Time created{};
};

// Argon2id wraps the master key; the associated data binds config, key id and everything else in
// the object. Throws kUsage for an empty passphrase, a malformed recovery code, a label that is not
// printable, and beyond kMostKeys.
inline constexpr std::size_t kMostKeys = 64;
KeyInfo add_key(storage::Store& store, const Config& config, const codec::SecretKey& master,
                KeyKind kind, std::string_view secret, std::string_view label, Time now,
                codec::PassphraseCost cost = {});
// The same for a machine that is to write and not to read. Its passphrase gives only what is
// derived for it: see write_key.h.
KeyInfo add_write_key(storage::Store& store, const Config& config, const codec::SecretKey& master,
                      std::string_view passphrase, std::string_view machine, Time now,
                      codec::PassphraseCost cost = {});
// 8 groups of 5 characters of Crockford's base 32 (no I, L, O, U; 200 random bits), for paper.
// normalize_recovery_code forgives case, spaces, dashes and look-alikes, and answers the 40
// characters without dashes; empty if what was typed is no recovery code.
std::string make_recovery_code();
std::string normalize_recovery_code(std::string_view typed);

struct Unlocked {
  codec::SecretKey master;
  KeyInfo key;
};
// What a write key opens.
struct WriteKey {
  KeyInfo info;
  codec::SecretKey machine;    // machine_secret() of the key
  codec::PublicKey sealing{};  // of the repository
};
// Tries every key object with `secret` (a passphrase or a recovery code; an empty one is none).
// Throws kWrongPassphrase, or kDamagedKey naming the objects when none opened and some were
// damaged, kPassphraseMissing when there is no secret and the repository is encrypted,
// kEncryptionMismatch when a secret is given and it is not, or when an `open` key stands in a
// repository whose config says that it is encrypted.
std::variant<Unlocked, WriteKey> unlock_any(storage::Store& store, const Config& config,
                                            std::optional<std::string_view> secret);
// The same, and kWriteOnlyKey for the passphrase of a write key.
Unlocked unlock(storage::Store& store, const Config& config,
                std::optional<std::string_view> secret);
Error write_only(const KeyInfo& key);

// Oldest first; damaged ones, and those of another repository in the same place, are left out.
std::vector<KeyInfo> list_keys(storage::Store& store);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_KEYS_H_
