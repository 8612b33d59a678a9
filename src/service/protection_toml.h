// The parts of holdfast.toml that service/protection_settings.h describes. Includes toml++.
#ifndef HOLDFAST_SERVICE_PROTECTION_TOML_H_
#define HOLDFAST_SERVICE_PROTECTION_TOML_H_

#include "service/protection_settings.h"
#include "service/toml_values.h"

namespace holdfast::service {

// The keys of [databases.NAME] that belong here.
const std::vector<std::string>& protection_keys();
ProtectionSettings read_protection(const TomlValues& values, const toml::table& database);
ReplicationSettings read_replication(const TomlValues& values, const toml::node& node);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_PROTECTION_TOML_H_
