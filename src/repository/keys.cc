#include "repository/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "repository/key_object.h"
#include "repository/text_rules.h"
#include "repository/write_key.h"

namespace holdfast::repository {
namespace {

constexpr std::size_t kMostLabelBytes = 200;

struct KeyRing {
  std::vector<KeyObject> keys;       // of this repository, oldest first
  std::vector<std::string> damaged;  // one sentence each
};

struct StoredKey {
  ObjectId id;
  std::uint64_t size;
};

std::vector<StoredKey> stored_keys(storage::Store& store) {
  std::vector<StoredKey> found;
  store.list(kKeyPrefix, [&](std::string_view name, const storage::ObjectStatus& status) {
    const auto id = ObjectId::from_hex(name.substr(kKeyPrefix.size()));
    if (id && key_object_name(*id) == name) found.push_back({*id, status.size});
  });
  return found;
}

bool concerns_one_object(ErrorCode code) {
  return code == ErrorCode::kDamagedKey || code == ErrorCode::kDamagedObject ||
         code == ErrorCode::kIo || code == ErrorCode::kPermissionDenied;
}

KeyRing read_keys(storage::Store& store, const RepositoryId& repository) {
  KeyRing ring;
  for (const StoredKey& stored : stored_keys(store)) {
    const std::string name = key_object_name(stored.id);
    if (stored.size > kMostKeyBytes) {
      ring.damaged.push_back(fmt::format("{}: it is too large", name));
      continue;
    }
    try {
      KeyObject key = parse_key_object(stored.id, store.get(name));
      // An interrupted or beaten `init` leaves keys of a repository that never came to be.
      if (key.repository == repository) ring.keys.push_back(std::move(key));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) continue;  // removed meanwhile
      if (!concerns_one_object(error.code())) throw;
      ring.damaged.push_back(error.happened());
    }
  }
  std::ranges::sort(ring.keys, {},
                    [](const KeyObject& key) { return std::pair(key.info.created, key.info.id); });
  return ring;
}

Unlocked unlock_open(const KeyRing& ring, const Config& config, std::vector<std::string> damaged) {
  for (const KeyObject& key : ring.keys) {
    if (key.info.kind != KeyKind::kOpen) continue;
    try {
      return {unwrap_key(key, config, {}), key.info};
    } catch (const Error& error) {
      damaged.push_back(error.happened());
    }
  }
  throw Error(ErrorCode::kDamagedKey,
              damaged.empty()
                  ? std::string("the unencrypted repository has no key object")
                  : fmt::format("no key object is intact ({})", fmt::join(damaged, "; ")));
}

std::variant<Unlocked, WriteKey> unlocked(const KeyObject& key, const Config& config,
                                          std::string_view secret) {
  codec::SecretKey content = unwrap_key(key, config, secret);
  if (key.info.kind == KeyKind::kWrite) {
    return WriteKey{.info = key.info, .machine = content, .sealing = key.sealing};
  }
  return Unlocked{.master = content, .key = key.info};
}

std::variant<Unlocked, WriteKey> unlock_with(const KeyRing& ring, const Config& config,
                                             std::string_view secret,
                                             std::vector<std::string> damaged) {
  const std::string code = normalize_recovery_code(secret);
  std::vector<const KeyObject*> order;
  for (const KeyObject& key : ring.keys) {
    if (key.info.kind == KeyKind::kRecovery && code.empty()) continue;
    order.push_back(&key);
  }
  // Argon2id costs a tenth of a second each: what looks like a recovery code is tried as one first.
  std::ranges::sort(order, {}, [&](const KeyObject* key) {
    const bool later = (key->info.kind == KeyKind::kRecovery) == code.empty();
    return std::tuple(later, key->info.kind == KeyKind::kWrite, key->info.created, key->info.id);
  });
  if (order.size() > kMostKeys) order.resize(kMostKeys);
  std::optional<Error> resources;  // a key that this machine had no memory to try
  for (const KeyObject* key : order) {
    const bool recovery = key->info.kind == KeyKind::kRecovery;
    try {
      return unlocked(*key, config, recovery ? std::string_view(code) : secret);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kIo) {
        resources = error;
      } else if (error.code() != ErrorCode::kDamagedObject) {
        damaged.push_back(error.happened());
      }
    }
  }
  if (resources) throw *resources;
  if (!damaged.empty()) {
    throw Error(ErrorCode::kDamagedKey,
                fmt::format("no intact key opens with this passphrase, and there are damaged "
                            "keys ({})",
                            fmt::join(damaged, "; ")));
  }
  throw Error(
      ErrorCode::kWrongPassphrase,
      fmt::format("none of the repository's {} keys opens with this passphrase", ring.keys.size()));
}

std::string checked_secret(KeyKind kind, std::string_view secret) {
  switch (kind) {
    case KeyKind::kPassphrase:
    case KeyKind::kWrite:
      if (secret.empty()) throw Error(ErrorCode::kUsage, "the passphrase is empty");
      return std::string(secret);
    case KeyKind::kRecovery: {
      std::string code = normalize_recovery_code(secret);
      if (code.empty()) throw Error(ErrorCode::kUsage, "this is not a recovery code");
      return code;
    }
    case KeyKind::kOpen:
      return {};
  }
  throw Error(ErrorCode::kInternal, "a key of an unknown kind");
}

KeyObject new_key(KeyKind kind, const Config& config, std::string_view label, Time now,
                  codec::PassphraseCost cost) {
  KeyObject key;
  codec::random_bytes(key.info.id.bytes);
  codec::random_bytes(key.salt);
  key.info.kind = kind;
  key.info.label = std::string(label);
  key.info.created = now;
  key.repository = config.id;
  key.cost = cost;
  return key;
}

void expect_room(storage::Store& store) {
  if (stored_keys(store).size() >= kMostKeys) {
    throw Error(ErrorCode::kUsage, fmt::format("the repository has {} keys already", kMostKeys));
  }
}

}  // namespace

KeyInfo add_key(storage::Store& store, const Config& config, const codec::SecretKey& master,
                KeyKind kind, std::string_view secret, std::string_view label, Time now,
                codec::PassphraseCost cost) {
  if ((kind == KeyKind::kOpen) == config.encrypted) {
    throw Error(ErrorCode::kEncryptionMismatch,
                config.encrypted ? "an encrypted repository cannot have a key without a secret"
                                 : "an unencrypted repository cannot have a passphrase");
  }
  check_printable("the label of a key", label, kMostLabelBytes);
  const std::string used_secret = checked_secret(kind, secret);
  expect_room(store);
  KeyObject key = new_key(kind, config, label, now, cost);
  store.put(key_object_name(key.info.id), wrap_key(key, config, master, used_secret));
  return key.info;
}

KeyInfo add_write_key(storage::Store& store, const Config& config, const codec::SecretKey& master,
                      std::string_view passphrase, std::string_view machine, Time now,
                      codec::PassphraseCost cost) {
  if (!config.encrypted) {
    throw Error(ErrorCode::kEncryptionMismatch,
                "what is written to an unencrypted repository can be read by everybody");
  }
  check_printable("the name of a machine", machine, kMostLabelBytes);
  const std::string secret = checked_secret(KeyKind::kWrite, passphrase);
  expect_room(store);
  KeyObject key = new_key(KeyKind::kWrite, config, machine, now, cost);
  key.sealing = sealing_keys(master).public_key();
  store.put(key_object_name(key.info.id),
            wrap_key(key, config, machine_secret(master, key.info), secret));
  return key.info;
}

Error write_only(const KeyInfo& key) {
  return Error(ErrorCode::kWriteOnlyKey,
               fmt::format("this is the passphrase of the write-only key {} of {}, which makes "
                           "backups and nothing else",
                           key.id.short_hex(), key.label));
}

Unlocked unlock(storage::Store& store, const Config& config,
                std::optional<std::string_view> secret) {
  auto opened = unlock_any(store, config, secret);
  if (const auto* key = std::get_if<WriteKey>(&opened)) throw write_only(key->info);
  return std::get<Unlocked>(std::move(opened));
}

std::variant<Unlocked, WriteKey> unlock_any(storage::Store& store, const Config& config,
                                            std::optional<std::string_view> secret) {
  if (secret && secret->empty()) secret.reset();
  if (!config.encrypted && secret) {
    throw Error(ErrorCode::kEncryptionMismatch,
                "a passphrase was given, but the repository says that it is not encrypted");
  }
  KeyRing ring = read_keys(store, config.id);
  if (!config.encrypted) return unlock_open(ring, config, ring.damaged);
  const auto open = std::ranges::find(ring.keys, KeyKind::kOpen,
                                      [](const KeyObject& key) { return key.info.kind; });
  if (open != ring.keys.end()) {
    throw Error(ErrorCode::kEncryptionMismatch,
                fmt::format("the repository is encrypted, yet {} claims to open it without a "
                            "passphrase",
                            key_object_name(open->info.id)));
  }
  if (!secret) {
    throw Error(ErrorCode::kPassphraseMissing,
                "the repository is encrypted and no passphrase was given");
  }
  if (ring.keys.empty() && ring.damaged.empty()) {
    throw Error(ErrorCode::kDamagedKey, "the repository has no key objects any more");
  }
  return unlock_with(ring, config, *secret, ring.damaged);
}

std::vector<KeyInfo> list_keys(storage::Store& store) {
  std::vector<KeyInfo> infos;
  for (const KeyObject& key : read_keys(store, read_config(store).id).keys) {
    infos.push_back(key.info);
  }
  return infos;
}

}  // namespace holdfast::repository
