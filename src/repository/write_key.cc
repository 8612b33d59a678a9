#include "repository/write_key.h"

#include "codec/keyed_hash.h"

namespace holdfast::repository {

codec::SealingKeys sealing_keys(const codec::SecretKey& master) {
  return codec::SealingKeys(codec::derive_key(master, "holdfast 1 sealing"));
}

codec::SecretKey machine_secret(const codec::SecretKey& master, const KeyInfo& key) {
  codec::SecretKey secret;
  codec::KeyedHash(codec::derive_key(master, "holdfast 1 machine"), codec::SecretKey::kSize)
      .add(key.id.view())
      .add(as_bytes(key.label))
      .finish(secret.writable());
  return secret;
}

MasterKeys session_keys(const codec::SecretKey& session, const codec::SecretKey& machine) {
  MasterKeys keys(session);
  const MasterKeys own(machine);
  keys.ids = own.ids;
  keys.pages = own.pages;
  keys.checksum = own.checksum;
  keys.cache = own.cache;
  return keys;
}

}  // namespace holdfast::repository
