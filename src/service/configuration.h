// holdfast.toml. docs/cli.md, "Configuration", is its reference.
#ifndef HOLDFAST_SERVICE_CONFIGURATION_H_
#define HOLDFAST_SERVICE_CONFIGURATION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/exports/export_target.h"
#include "engine/records/collection.h"
#include "repository/retention.h"
#include "service/environment.h"
#include "service/protection_settings.h"
#include "service/record_settings.h"
#include "service/repository_settings.h"
#include "storage/throttled_store.h"

namespace holdfast::service {

struct DatabaseConfiguration {
  std::string name;
  std::vector<std::string> source;  // at least one; see service/source.h
  std::optional<repository::RetentionPolicy> keep;
  ProtectionSettings protection;
  std::vector<engine::ExportTarget> exports = {};  // see export_toml.h
};

struct Configuration {
  env::Path file;  // empty: there is none, and all the rest is default
  // Empty: none is configured. The first is where backups go.
  std::vector<RepositoryConfiguration> repositories;
  env::Path passphrase_file;
  bool key_cache = true;
  std::optional<int> compression;
  storage::TransferLimits limits;
  std::vector<DatabaseConfiguration> databases;  // in the order of the file
  std::optional<repository::RetentionPolicy> retention;
  BootSettings boot;
  ReplicationSettings replication;
  std::vector<engine::Collection> collections;  // in the order of the file
  RecordSettings records;

  const DatabaseConfiguration* database(std::string_view name) const;
  const engine::Collection* collection(std::string_view name) const;
  const RepositoryConfiguration* repository(std::string_view name) const;
};

// `chosen` (--config) or HOLDFAST_CONFIG, which must then be there; otherwise ./holdfast.toml,
// otherwise /etc/holdfast/holdfast.toml; empty if there is none of them.
env::Path find_configuration(const World& world, std::string_view chosen);

// Throws kConfiguration with file, line and what was probably meant. Relative paths are relative to
// the file's folder.
Configuration parse_configuration(std::string_view text, const env::Path& file,
                                  const Variables& variables);
Configuration load_configuration(const World& world, std::string_view chosen);

// Something that is there and no directory.
bool is_file(const World& world, const env::Path& path);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_CONFIGURATION_H_
