// What the configuration says of the places where history is kept.
#ifndef HOLDFAST_SERVICE_REPOSITORY_SETTINGS_H_
#define HOLDFAST_SERVICE_REPOSITORY_SETTINGS_H_

#include <chrono>
#include <optional>
#include <string>

#include "env/file_system.h"
#include "repository/retention.h"

namespace holdfast::service {

// Backups and replication go to the first one that is configured; the others are its copies.
struct RepositoryConfiguration {
  std::string name = {};           // empty only of a single one: repository = "PLACE"
  std::string place = {};          // a URL, with all its options, or absolute path
  std::string written = {};        // the place as the file has it: without options that have keys
  env::Path passphrase_file = {};  // empty: that of the whole configuration
  std::optional<repository::RetentionPolicy> keep = std::nullopt;  // empty: that of the databases
  // How often a running `replicate` or `run` brings a copy up to date; 0: never.
  std::chrono::seconds copy_every{300};
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_REPOSITORY_SETTINGS_H_
