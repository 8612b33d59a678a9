// One command's view of the world: its configuration and the repository it works on.
#ifndef HOLDFAST_SERVICE_SESSION_H_
#define HOLDFAST_SERVICE_SESSION_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/progress.h"
#include "repository/repository.h"
#include "service/configuration.h"
#include "service/passphrase.h"

namespace holdfast::service {

struct SessionOptions {
  std::string repository;       // --repo
  std::string configuration;    // --config
  std::string cache_directory;  // --cache-dir
  bool no_cache = false, no_key_cache = false;
  std::string command;  // for the log: the command line, without secrets
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
  // --repo, HOLDFAST_REPO, then the configuration; throws kUsage if none of them says one.
  std::string place();
  bool has_place();
  storage::Store& store();
  const repository::Repository& repository();
  bool is_open() const { return repository_.has_value(); }
  // Makes it; the recovery code is empty if there is no passphrase. Throws kRepositoryExists.
  std::string create(bool encrypted, std::string_view label);
  // The passphrase that repository() opened with, or would.
  const std::optional<std::string>& passphrase();
  repository::KeyCache& key_cache();
  env::Path cache_directory() const;  // empty: no cache

 private:
  std::optional<std::string> named_place();

  const World& world_;
  SessionOptions options_;
  PassphrasePrompt& prompt_;
  Progress& progress_;
  std::optional<Configuration> configuration_;
  std::unique_ptr<storage::Store> store_;
  std::optional<std::optional<std::string>> passphrase_;
  bool typed_ = false;  // the passphrase, at the prompt
  std::optional<repository::Repository> repository_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SESSION_H_
