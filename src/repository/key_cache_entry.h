// What a key cache keeps: version (u8) · master key (32) · keyed hash of the secret (32).
#ifndef HOLDFAST_REPOSITORY_KEY_CACHE_ENTRY_H_
#define HOLDFAST_REPOSITORY_KEY_CACHE_ENTRY_H_

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "codec/secret_key.h"

namespace holdfast::repository {

inline constexpr std::size_t kCacheEntrySize = 1 + 2 * codec::SecretKey::kSize;

// The caller wipes it after use: see wipe().
Bytes make_cache_entry(const codec::SecretKey& master, std::string_view secret);
// Empty unless the entry is whole and was made with this very secret.
std::optional<codec::SecretKey> open_cache_entry(ByteView entry, std::string_view secret);

void wipe(MutableByteView bytes);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_KEY_CACHE_ENTRY_H_
