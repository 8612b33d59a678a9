// An opened repository: its store, keys and clock. Everything else in this folder works on one of
// these.
#ifndef HOLDFAST_REPOSITORY_REPOSITORY_H_
#define HOLDFAST_REPOSITORY_REPOSITORY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "env/clock.h"
#include "env/file_system.h"
#include "repository/config.h"
#include "repository/key_cache.h"
#include "repository/keys.h"
#include "repository/master_keys.h"
#include "storage/store.h"

namespace holdfast::repository {

class IndexMemory;

// Thread safe as its store is. Store and clock must outlive it.
class Repository {
 public:
  struct Created;
  // `secret` is the first passphrase; without one the repository is unencrypted. Throws
  // kRepositoryExists. The key objects are written first and `config` last: a repository without
  // config does not exist.
  static Created create(storage::Store& store, env::Clock& clock,
                        std::optional<std::string_view> secret, std::string_view label,
                        codec::PassphraseCost cost = {});
  // The same with the master key of `original`, so that everything has the same id in both and is
  // copied as it is (see repository/copy.h). Secrets, key objects and config are its own. Throws
  // kEncryptionMismatch if it would show the key of an encrypted repository to everybody.
  static Created create_copy_of(const Repository& original, storage::Store& store,
                                std::optional<std::string_view> secret, std::string_view label,
                                codec::PassphraseCost cost = {});
  // Throws kRepositoryMissing, kRepositoryVersion and whatever unlock() does.
  static Repository open(storage::Store& store, env::Clock& clock,
                         std::optional<std::string_view> secret, KeyCache& cache = no_key_cache());
  // The same for who may have the passphrase of a write key only.
  static std::variant<Repository, WriteKey> open_any(storage::Store& store, env::Clock& clock,
                                                     std::optional<std::string_view> secret,
                                                     KeyCache& cache = no_key_cache());
  // A place that is no repository of its own, but is written and read as one: a sealed session.
  static Repository within(storage::Store& store, env::Clock& clock, const Config& config,
                           const MasterKeys& keys);

  storage::Store& store() const { return *store_; }
  env::Clock& clock() const { return *clock_; }
  const Config& config() const { return config_; }
  const MasterKeys& keys() const { return *keys_; }
  // Shared by all copies. See KeptIndex.
  const std::shared_ptr<IndexMemory>& index_memory() const { return index_memory_; }

 private:
  Repository(storage::Store& store, env::Clock& clock, Config config, const MasterKeys& keys);
  static Created create_with(const codec::SecretKey& master, storage::Store& store,
                             env::Clock& clock, std::optional<std::string_view> secret,
                             std::string_view label, codec::PassphraseCost cost);

  storage::Store* store_;
  env::Clock* clock_;
  Config config_;
  std::shared_ptr<const MasterKeys> keys_;
  std::shared_ptr<IndexMemory> index_memory_;
};

struct Repository::Created {
  Repository repository;
  std::string recovery_code;  // shown once, stored nowhere; empty if unencrypted
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_REPOSITORY_H_
