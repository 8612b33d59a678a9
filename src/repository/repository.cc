#include "repository/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "repository/index_memory.h"
#include "repository/key_object.h"
#include "repository/store_probe.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kRecoveryLabel = "recovery code";

// Keys whose data needs them would be made worthless by a second config beside them.
void expect_vacant(storage::Store& store) {
  const std::string& place = store.capabilities().description;
  if (store.stat(kConfigName)) {
    throw Error(ErrorCode::kRepositoryExists, fmt::format("{} holds a repository already", place));
  }
  bool used = false;
  store.list("snapshots/", [&](std::string_view, const storage::ObjectStatus&) { used = true; });
  if (used) {
    throw Error(ErrorCode::kRepositoryExists,
                fmt::format("{} holds snapshots of a repository whose config is lost", place));
  }
}

void remove_quietly(storage::Store& store, const std::string& name) {
  try {
    store.remove(name);
  } catch (const Error&) {
    // What stays behind belongs to no repository and is ignored by every reader.
  }
}

// What interrupted or beaten attempts left. Nobody needs it: this config is the one that counts.
void remove_other_keys(storage::Store& store, const std::vector<std::string>& ours) {
  std::vector<std::string> others;
  store.list(kKeyPrefix, [&](std::string_view name, const storage::ObjectStatus&) {
    if (std::ranges::find(ours, name) == ours.end()) others.emplace_back(name);
  });
  for (const std::string& name : others) remove_quietly(store, name);
}

void expect_listings_at_once(storage::Store& store) {
  if (lists_at_once(store)) return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("the listings of the {} do not show at once what was stored and removed",
                          store.capabilities().description),
              "No repository was made.",
              "Say by how many seconds they may be behind (listing-lag=N in the place of a store "
              "of S3; docs/s3.md), or take another store.");
}

}  // namespace

Repository::Repository(storage::Store& store, env::Clock& clock, Config config,
                       const MasterKeys& keys)
    : store_(&store),
      clock_(&clock),
      config_(config),
      keys_(std::make_shared<const MasterKeys>(keys)),
      index_memory_(std::make_shared<IndexMemory>()) {}

Repository::Created Repository::create(storage::Store& store, env::Clock& clock,
                                       std::optional<std::string_view> secret,
                                       std::string_view label, codec::PassphraseCost cost) {
  return create_with(codec::SecretKey::random(), store, clock, secret, label, cost);
}

Repository::Created Repository::create_copy_of(const Repository& original, storage::Store& store,
                                               std::optional<std::string_view> secret,
                                               std::string_view label, codec::PassphraseCost cost) {
  if (original.config().encrypted && !secret) {
    throw Error(ErrorCode::kEncryptionMismatch,
                fmt::format("{} is encrypted, so its copy cannot be left unencrypted",
                            original.store().capabilities().description));
  }
  return create_with(original.keys().master, store, original.clock(), secret, label, cost);
}

Repository::Created Repository::create_with(const codec::SecretKey& master, storage::Store& store,
                                            env::Clock& clock,
                                            std::optional<std::string_view> secret,
                                            std::string_view label, codec::PassphraseCost cost) {
  // An unset variable must not create a repository that anybody can read.
  if (secret && secret->empty()) throw Error(ErrorCode::kUsage, "the passphrase is empty");
  expect_vacant(store);
  Config config{.id = {},
                .format = 1,
                .encrypted = secret.has_value(),
                .created = std::chrono::floor<Duration>(clock.now())};
  if (store.capabilities().assumed) {
    store.set_exclusive_create(creates_exclusively(store));
    expect_listings_at_once(store);
  }
  if (!store.capabilities().exclusive_create) {
    config.exclusive_create = false;
    config.format = 2;
  }
  codec::random_bytes(config.id.bytes);
  std::string recovery_code;
  std::vector<std::string> keys;
  const auto add = [&](KeyKind kind, std::string_view key_secret, std::string_view key_label) {
    const KeyInfo info =
        add_key(store, config, master, kind, key_secret, key_label, config.created, cost);
    keys.push_back(key_object_name(info.id));
  };
  // A store that retries may answer "exists already" to the very put that succeeded.
  const auto is_ours = [&] { return read_config(store).id == config.id; };
  try {
    if (secret) {
      recovery_code = make_recovery_code();
      add(KeyKind::kPassphrase, *secret, label);
      add(KeyKind::kRecovery, recovery_code, kRecoveryLabel);
    } else {
      add(KeyKind::kOpen, {}, label);
    }
    store.put(kConfigName, serialize(config));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kAlreadyExists) throw;
    if (!is_ours()) {
      for (const std::string& name : keys) remove_quietly(store, name);
      throw Error(ErrorCode::kRepositoryExists,
                  fmt::format("somebody else has just created a repository in {}",
                              store.capabilities().description));
    }
  }
  remove_other_keys(store, keys);
  return {Repository(store, clock, config, MasterKeys(master)), std::move(recovery_code)};
}

Repository Repository::open(storage::Store& store, env::Clock& clock,
                            std::optional<std::string_view> secret, KeyCache& cache) {
  auto opened = open_any(store, clock, secret, cache);
  if (const auto* key = std::get_if<WriteKey>(&opened)) throw write_only(key->info);
  return std::get<Repository>(std::move(opened));
}

std::variant<Repository, WriteKey> Repository::open_any(storage::Store& store, env::Clock& clock,
                                                        std::optional<std::string_view> secret,
                                                        KeyCache& cache) {
  const Config config = read_config(store);
  store.set_exclusive_create(config.exclusive_create);
  const bool locked = config.encrypted && secret && !secret->empty();
  if (locked) {
    if (const auto master = cache.find(config.id, *secret)) {
      return Repository(store, clock, config, MasterKeys(*master));
    }
  }
  const auto opened = unlock_any(store, config, secret);
  if (const auto* key = std::get_if<WriteKey>(&opened)) return *key;
  const codec::SecretKey& master = std::get<Unlocked>(opened).master;
  if (locked) cache.keep(config.id, *secret, master);
  return Repository(store, clock, config, MasterKeys(master));
}

Repository Repository::within(storage::Store& store, env::Clock& clock, const Config& config,
                              const MasterKeys& keys) {
  return Repository(store, clock, config, keys);
}

}  // namespace holdfast::repository
