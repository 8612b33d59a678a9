#include "repository/key_cache.h"

#include <fmt/format.h>

#include <atomic>

#include "codec/keyed_hash.h"
#include "repository/kernel_keyring.h"
#include "repository/key_cache_entry.h"
#include "repository/memory_files.h"

namespace holdfast::repository {
namespace {

constexpr std::uint8_t kEntryVersion = 1;
constexpr std::string_view kEntryContext = "holdfast 1 key cache";
constexpr std::size_t kKeySize = codec::SecretKey::kSize;

codec::SecretKey hash_of(const codec::SecretKey& master, std::string_view secret) {
  codec::SecretKey hash;
  codec::KeyedHash(codec::derive_key(master, kEntryContext), kKeySize)
      .add(as_bytes(secret))
      .finish(hash.writable());
  return hash;
}

class NoKeyCache final : public KeyCache {
 public:
  std::optional<codec::SecretKey> find(const RepositoryId&, std::string_view) override {
    return std::nullopt;
  }
  void keep(const RepositoryId&, std::string_view, const codec::SecretKey&) override {}
  void forget(const RepositoryId&) override {}
};

class SessionKeyCache final : public KeyCache {
 public:
  void set_lifetime(std::chrono::seconds lifetime) { lifetime_ = lifetime; }

  std::optional<codec::SecretKey> find(const RepositoryId& repository,
                                       std::string_view secret) override {
    Bytes entry = keyring_.find(description(repository), kCacheEntrySize, lifetime_);
    if (entry.empty()) entry = files_.find(repository.hex(), kCacheEntrySize, lifetime_);
    std::optional<codec::SecretKey> master = open_cache_entry(entry, secret);
    wipe(entry);
    return master;
  }

  void keep(const RepositoryId& repository, std::string_view secret,
            const codec::SecretKey& master) override {
    Bytes entry = make_cache_entry(master, secret);
    if (keyring_.put(description(repository), entry, lifetime_)) {
      files_.remove(repository.hex());
    } else {
      files_.put(repository.hex(), entry);
    }
    wipe(entry);
  }

  void forget(const RepositoryId& repository) override {
    keyring_.remove(description(repository));
    files_.remove(repository.hex());
  }

 private:
  static std::string description(const RepositoryId& repository) {
    return fmt::format("holdfast:{}", repository.hex());
  }

  std::atomic<std::chrono::seconds> lifetime_{};
  KernelKeyring keyring_;
  MemoryFiles files_ = MemoryFiles::of_this_session();
};

}  // namespace

Bytes make_cache_entry(const codec::SecretKey& master, std::string_view secret) {
  Bytes entry{std::byte{kEntryVersion}};
  entry.reserve(kCacheEntrySize);  // so that no copy is left behind by growing
  const auto append = [&](ByteView bytes) {
    entry.insert(entry.end(), bytes.begin(), bytes.end());
  };
  append(master.view());
  append(hash_of(master, secret).view());
  return entry;
}

std::optional<codec::SecretKey> open_cache_entry(ByteView entry, std::string_view secret) {
  if (entry.size() != kCacheEntrySize || entry[0] != std::byte{kEntryVersion}) return std::nullopt;
  const codec::SecretKey master(entry.subspan(1, kKeySize));
  const codec::SecretKey hash(entry.subspan(1 + kKeySize));
  if (!(hash == hash_of(master, secret))) return std::nullopt;
  return master;
}

void wipe(MutableByteView bytes) {
  volatile std::byte* const memory = bytes.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) memory[i] = std::byte{0};
}

KeyCache& no_key_cache() {
  static NoKeyCache cache;
  return cache;
}

KeyCache& session_key_cache(std::chrono::seconds lifetime) {
  static SessionKeyCache cache;
  cache.set_lifetime(lifetime);
  return cache;
}

}  // namespace holdfast::repository
