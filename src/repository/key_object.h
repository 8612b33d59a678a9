// One object `keys/<id>`: two lines, a JSON header and the wrapped key in base64: the master key,
// or the secret of a machine.
#ifndef HOLDFAST_REPOSITORY_KEY_OBJECT_H_
#define HOLDFAST_REPOSITORY_KEY_OBJECT_H_

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "codec/passphrase.h"
#include "repository/keys.h"

namespace holdfast::repository {

inline constexpr std::string_view kKeyPrefix = "keys/";
inline constexpr std::size_t kMostKeyBytes = 16384;

struct KeyObject {
  KeyInfo info;
  RepositoryId repository;
  codec::PassphraseCost cost;                      // not for KeyKind::kOpen
  std::array<std::byte, codec::kSaltSize> salt{};  // likewise
  codec::PublicKey sealing{};                      // only for KeyKind::kWrite
  std::string header;                              // the first line, as it stands in the object
  Bytes box;
};

std::string key_object_name(const ObjectId& id);

// Fills in `header` and `box`, and proves that the result can be unwrapped again. `secret` is used
// as it is.
Bytes wrap_key(KeyObject& key, const Config& config, const codec::SecretKey& content,
               std::string_view secret);
// Throws kDamagedKey. Proves nothing: see unwrap.
KeyObject parse_key_object(const ObjectId& id, ByteView object);
// Throws kDamagedObject if config, key object and secret do not belong together, kDamagedKey if the
// object asks for impossible parameters.
codec::SecretKey unwrap_key(const KeyObject& key, const Config& config, std::string_view secret);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_KEY_OBJECT_H_
