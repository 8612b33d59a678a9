// From what people write to a store.
#ifndef HOLDFAST_STORAGE_OPEN_STORE_H_
#define HOLDFAST_STORAGE_OPEN_STORE_H_

#include <memory>
#include <string_view>

#include "env/file_system.h"
#include "storage/store.h"

namespace holdfast::storage {

// `url` is a path or file:///absolute/path (RFC 8089, with %XX). Nothing is created or looked for
// yet, except that the place is no file. Throws kUnsupported for s3:// and kUsage for everything
// else. `files` must outlive the store.
std::unique_ptr<Store> open_store(std::string_view url, env::FileSystem& files);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_OPEN_STORE_H_
