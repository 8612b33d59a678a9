#include "service/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::service {
namespace {

// A URL means the configured place that is written so, with its options, unless there are several.
std::string configured_place(const Configuration& configuration, const std::string& said) {
  const auto is_meant = [&](const RepositoryConfiguration& one) { return one.written == said; };
  const auto& known = configuration.repositories;
  if (std::ranges::count_if(known, is_meant) != 1) return said;
  return std::ranges::find_if(known, is_meant)->place;
}

}  // namespace

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
    if (said.find("://") != std::string::npos) return configured_place(configuration(), said);
    if (const auto* known = configuration().repository(said)) return known->place;
    return absolute_path(world_.directory, expand_home(said, world_.variables)).string();
  };
  if (!options_.repository.empty()) return from_here(options_.repository);
  if (const auto place = world_.variables("HOLDFAST_REPO")) return from_here(*place);
  const auto& known = configuration().repositories;
  return known.empty() ? std::nullopt : std::optional(known.front().place);
}

const RepositoryConfiguration* Session::configured() {
  const auto place = named_place();
  const auto& known = configuration().repositories;
  const auto found = std::ranges::find(known, place, &RepositoryConfiguration::place);
  return found == known.end() ? nullptr : &*found;
}

std::vector<const RepositoryConfiguration*> Session::copies() {
  std::vector<const RepositoryConfiguration*> others;
  const RepositoryConfiguration* own = configured();
  if (own == nullptr) return others;
  for (const RepositoryConfiguration& one : configuration().repositories) {
    if (&one != own) others.push_back(&one);
  }
  return others;
}

std::unique_ptr<Session> Session::beside(const RepositoryConfiguration& copy) {
  SessionOptions options = options_;
  options.repository = copy.name;
  auto session = std::make_unique<Session>(world_, std::move(options), prompt_, progress_);
  session->use(configuration());
  session->first_ = this;
  return session;
}

std::unique_ptr<Session> Session::again(PassphrasePrompt& prompt, Progress& progress) {
  auto session = std::make_unique<Session>(world_, options_, prompt, progress);
  session->use(configuration());
  session->passphrase_ = passphrase_;
  session->repository_ = repository_;
  return session;
}

storage::Store& Session::store() {
  if (!store_) {
    store_ = world_.open_store(place());
    const storage::TransferLimits limits = this->limits();
    if (limits.any()) {
      throttled_ = std::make_unique<storage::ThrottledStore>(*store_, limits, world_.clock);
    }
  }
  return throttled_ ? *throttled_ : *store_;
}

storage::TransferLimits Session::limits() {
  storage::TransferLimits limits = configuration().limits;
  if (options_.limits.upload > 0) limits.upload = options_.limits.upload;
  if (options_.limits.download > 0) limits.download = options_.limits.download;
  return limits;
}

std::optional<std::string> Session::own_passphrase() {
  return find_passphrase(world_, configuration(), configured(), progress_);
}

const std::optional<std::string>& Session::passphrase() {
  if (!passphrase_) {
    passphrase_ = own_passphrase();
    if (!*passphrase_ && first_ != nullptr && first_->passphrase_)
      passphrase_ = first_->passphrase_;
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
  open();
  if (write_key_) throw repository::write_only(write_key_->info);
  return *repository_;
}

const repository::WriteKey* Session::write_key() {
  open();
  return write_key_ ? &*write_key_ : nullptr;
}

void Session::open() {
  constexpr int kTries = 3;
  for (int tried = 1; !repository_ && !write_key_; ++tried) {
    storage::Store& at = store();
    const auto& secret = passphrase();
    try {
      auto opened = repository::Repository::open_any(at, world_.clock, secret, key_cache());
      if (auto* key = std::get_if<repository::WriteKey>(&opened)) {
        write_key_ = *key;
      } else {
        repository_ = std::get<repository::Repository>(std::move(opened));
      }
    } catch (const Error& error) {
      // Fingers slip; files and variables do not.
      if (error.code() != ErrorCode::kWrongPassphrase || !typed_ || tried == kTries) throw;
      progress_.warning("that passphrase does not open it");
      passphrase_.reset();
    }
  }
}

std::string Session::create(bool encrypted, std::string_view label) {
  std::optional<std::string> secret;
  if (encrypted) {
    secret = own_passphrase();
    if (!secret) {
      secret = type_new_passphrase(
          prompt_,
          "Set HOLDFAST_PASSPHRASE or HOLDFAST_PASSPHRASE_FILE, or type it at the prompt; "
          "--no-encryption makes a repository that anybody can read.");
    }
  }
  return keep(repository::Repository::create(store(), world_.clock, secret, label), secret);
}

std::string Session::create_copy_of(Session& original, std::string_view label) {
  const repository::Repository& source = original.repository();
  std::optional<std::string> secret;
  if (source.config().encrypted) {
    secret = own_passphrase();
    if (!secret) secret = original.passphrase();
  }
  return keep(repository::Repository::create_copy_of(source, store(), secret, label), secret);
}

std::string Session::keep(repository::Repository::Created created,
                          std::optional<std::string> secret) {
  if (!created.repository.config().exclusive_create) {
    progress_.warning(
        "this store does not create objects exclusively: `holdfast doctor` says what is weaker");
  }
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
