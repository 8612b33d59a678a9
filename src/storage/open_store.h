// From what people write to a store.
#ifndef HOLDFAST_STORAGE_OPEN_STORE_H_
#define HOLDFAST_STORAGE_OPEN_STORE_H_

#include <memory>
#include <string_view>

#include "env/clock.h"
#include "env/file_system.h"
#include "storage/s3/s3_options.h"
#include "storage/store.h"

namespace holdfast::storage {

// What stores are made of. The references must outlive them.
struct StoreSurroundings {
  env::FileSystem& files;
  env::Clock& clock;
  Variables variables;
};

// `url` is a path, file:///absolute/path (RFC 8089, with %XX), or s3://bucket/prefix?option=value
// (docs/s3.md). Nothing is created or looked for yet, except that a local place is no file, and
// what AWS's configuration file says. Throws kUsage for everything else, and kConfiguration.
std::unique_ptr<Store> open_store(std::string_view url, const StoreSurroundings& surroundings);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_OPEN_STORE_H_
