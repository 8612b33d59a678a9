// One command's view of the world: its configuration and the repository it works on.
#ifndef HOLDFAST_SERVICE_SESSION_H_
#define HOLDFAST_SERVICE_SESSION_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "repository/repository.h"
#include "service/configuration.h"
#include "service/passphrase.h"
#include "storage/throttled_store.h"

namespace holdfast::service {

struct SessionOptions {
  std::string repository;       // --repo
  std::string configuration;    // --config
  std::string cache_directory;  // --cache-dir
  bool no_cache = false, no_key_cache = false;
  storage::TransferLimits limits = {};  // --limit-upload, --limit-download
  std::string command;                  // for the log: the command line, without secrets
};

// Not thread safe. World, prompt and progress must outlive it. Nothing is read before it is asked
// for.
class Session {
 public:
  Session(const World& world, SessionOptions options, PassphrasePrompt& prompt, Progress& progress);

  const World& world() const { return world_; }
  Progress& progress() { return progress_; }
  PassphrasePrompt& prompt() { return prompt_; }
  const std::string& command() const { return options_.command; }

  const Configuration& configuration();
  // This instead of what a file says; before anything else is asked for.
  void use(Configuration configuration) { configuration_ = std::move(configuration); }
  // --repo, HOLDFAST_REPO, then the first one of the configuration; throws kUsage if none of them
  // says one. What is said is a place, or the name of a configured repository.
  std::string place();
  bool has_place();
  // What the configuration says of that place; null if nothing.
  const RepositoryConfiguration* configured();
  // The others that are configured, in their order.
  std::vector<const RepositoryConfiguration*> copies();
  // A session on one of them, with everything else the same. This one must outlive it.
  std::unique_ptr<Session> beside(const RepositoryConfiguration& copy);
  // The same once more, for another thread; what is open already is shared, so this one must then
  // outlive it.
  std::unique_ptr<Session> again(PassphrasePrompt& prompt, Progress& progress);
  storage::Store& store();
  // Throws kWriteOnlyKey where write_key() answers one.
  const repository::Repository& repository();
  // Null unless the passphrase is that of a write-only key.
  const repository::WriteKey* write_key();
  bool is_open() const { return repository_.has_value(); }
  // Makes it; the recovery code is empty if there is no passphrase. Throws kRepositoryExists.
  std::string create(bool encrypted, std::string_view label);
  // The same, as a copy of the repository of `original`, whose passphrase it gets unless it has one
  // of its own. See Repository::create_copy_of.
  std::string create_copy_of(Session& original, std::string_view label);
  // The passphrase that repository() opened with, or would.
  const std::optional<std::string>& passphrase();
  repository::KeyCache& key_cache();
  env::Path cache_directory() const;  // empty: no cache

 private:
  void open();
  std::optional<std::string> named_place();
  std::optional<std::string> own_passphrase();
  std::string keep(repository::Repository::Created created, std::optional<std::string> secret);
  storage::TransferLimits limits();

  const World& world_;
  SessionOptions options_;
  PassphrasePrompt& prompt_;
  Progress& progress_;
  std::optional<Configuration> configuration_;
  std::unique_ptr<storage::Store> store_, throttled_;
  std::optional<std::optional<std::string>> passphrase_;
  bool typed_ = false;        // the passphrase, at the prompt
  Session* first_ = nullptr;  // that this one is beside; its passphrase may be that of all
  std::optional<repository::Repository> repository_;
  std::optional<repository::WriteKey> write_key_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SESSION_H_
