// The object `config`: what must be known before anything else can be read. Public, and proved by
// every key: a key object only opens together with the very config it was made for.
#ifndef HOLDFAST_REPOSITORY_CONFIG_H_
#define HOLDFAST_REPOSITORY_CONFIG_H_

#include <string>

#include "base/bytes.h"
#include "base/id.h"
#include "base/time.h"
#include "storage/store.h"

namespace holdfast::repository {

inline constexpr int kFormatVersion = 2;  // the latest one
inline constexpr std::string_view kConfigName = "config";

struct Config {
  RepositoryId id;
  int format = 1;  // the lowest one whose readers do nothing wrong; 2 without exclusive_create
  bool encrypted = true;
  Time created{};
  // Of several that create one object at once, the store lets one succeed. Otherwise leases are
  // taken by claims (lease_claim.h), which programs that know only format 1 would not see.
  bool exclusive_create = true;
};

// JSON, as docs/format.md says. parse throws kRepositoryVersion for a later format, kDamagedObject
// for anything that serialize() would not have written byte for byte.
Bytes serialize(const Config& config);
Config parse_config(ByteView json);
// Throws kRepositoryMissing when the store holds none, and whatever parse_config() does.
Config read_config(storage::Store& store);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_CONFIG_H_
