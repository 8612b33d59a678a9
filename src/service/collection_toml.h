// [collections.NAME] and [records] of holdfast.toml. Includes toml++.
#ifndef HOLDFAST_SERVICE_COLLECTION_TOML_H_
#define HOLDFAST_SERVICE_COLLECTION_TOML_H_

#include "engine/records/collection.h"
#include "service/record_settings.h"
#include "service/toml_values.h"

namespace holdfast::service {

// In the order of the file. `databases` are the names of those that are configured; a collection
// that names none belongs to the only one.
std::vector<engine::Collection> read_collections(const TomlValues& values, const toml::node& node,
                                                 const std::vector<std::string>& databases);
RecordSettings read_record_settings(const TomlValues& values, const toml::node& node);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_COLLECTION_TOML_H_
