#include "service/session.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::service {

Session::Session(const World& world, SessionOptions options, PassphrasePrompt& prompt,
                 Progress& progress)
    : world_(world), options_(std::move(options)), prompt_(prompt), progress_(progress) {}

const Configuration& Session::configuration() {
  if (!configuration_) configuration_ = load_configuration(world_, options_.configuration);
  return *configuration_;
}

std::string Session::place() {
  if (auto named = named_place()) return *std::move(named);
  throw Error(
      ErrorCode::kUsage, "no repository is named", {},
      "Say --repo PATH, set HOLDFAST_REPO, or write repository = \"PATH\" into holdfast.toml.");
}

bool Session::has_place() { return named_place().has_value(); }

std::optional<std::string> Session::named_place() {
  const auto from_here = [&](const std::string& said) {
    if (said.find("://") != std::string::npos) return said;
    return absolute_path(world_.directory, expand_home(said, world_.variables)).string();
  };
  if (!options_.repository.empty()) return from_here(options_.repository);
  if (const auto place = world_.variables("HOLDFAST_REPO")) return from_here(*place);
  if (!configuration().repository.empty()) return configuration().repository;
  return std::nullopt;
}

storage::Store& Session::store() {
  if (!store_) store_ = world_.open_store(place());
  return *store_;
}

const std::optional<std::string>& Session::passphrase() {
  if (!passphrase_) {
    passphrase_ = find_passphrase(world_, configuration(), progress_);
    // Nobody is asked for the passphrase of a repository that is not there or has none.
    if (!*passphrase_ && repository::read_config(store()).encrypted) {
      passphrase_ = prompt_.ask(fmt::format("Passphrase of {}: ", place()));
      typed_ = passphrase_->has_value();
    }
  }
  return *passphrase_;
}

repository::KeyCache& Session::key_cache() {
  const bool forbidden = options_.no_key_cache || !configuration().key_cache ||
                         world_.variables("HOLDFAST_KEY_CACHE").value_or("") == "off";
  return forbidden ? repository::no_key_cache() : repository::session_key_cache();
}

const repository::Repository& Session::repository() {
  constexpr int kTries = 3;
  for (int tried = 1; !repository_; ++tried) {
    storage::Store& at = store();
    const auto& secret = passphrase();
    try {
      repository_ = repository::Repository::open(at, world_.clock, secret, key_cache());
    } catch (const Error& error) {
      // Fingers slip; files and variables do not.
      if (error.code() != ErrorCode::kWrongPassphrase || !typed_ || tried == kTries) throw;
      progress_.warning("that passphrase does not open it");
      passphrase_.reset();
    }
  }
  return *repository_;
}

std::string Session::create(bool encrypted, std::string_view label) {
  std::optional<std::string> secret;
  if (encrypted) {
    secret = find_passphrase(world_, configuration(), progress_);
    if (!secret) {
      secret = type_new_passphrase(
          prompt_,
          "Set HOLDFAST_PASSPHRASE or HOLDFAST_PASSPHRASE_FILE, or type it at the prompt; "
          "--no-encryption makes a repository that anybody can read.");
    }
  }
  auto created = repository::Repository::create(store(), world_.clock, secret, label);
  if (secret)
    key_cache().keep(created.repository.config().id, *secret, created.repository.keys().master);
  repository_ = std::move(created.repository);
  passphrase_ = std::move(secret);
  return std::move(created.recovery_code);
}

env::Path Session::cache_directory() const {
  if (options_.no_cache) return {};
  if (!options_.cache_directory.empty())
    return absolute_path(world_.directory, options_.cache_directory);
  return default_cache_directory(world_);
}

}  // namespace holdfast::service
