// What holdfast.toml says about records: where they wait while their database is away, and how
// much. Part of Configuration; docs/records.md is the reference.
//
//   [records]
//   spool = "/var/lib/app/spool"        # default: below the state directory
//   emergency = "/mnt/other/backups"    # default: "backups" beside the configuration
//   spool_limit = "1GB"
//   patience = "5s"                     # how long a busy database is waited for
//   own_tables = "beside"               # default "inside": in the database itself
#ifndef HOLDFAST_SERVICE_RECORD_SETTINGS_H_
#define HOLDFAST_SERVICE_RECORD_SETTINGS_H_

#include <chrono>
#include <cstdint>

#include "service/environment.h"

namespace holdfast::service {

struct RecordSettings {
  env::Path spool;      // absolute; empty: spool_directory() says
  env::Path emergency;  // absolute; empty: "backups" beside the configuration
  std::uint64_t spool_limit = 1'000'000'000;
  std::chrono::milliseconds patience{5'000};
  bool own_tables_beside = false;  // tombstones and write ids in a file beside the database
};

// $HOLDFAST_STATE_DIR, $XDG_STATE_HOME/holdfast, ~/.local/state/holdfast; empty where none of them
// is known. What is in it is not to be thrown away, as a cache may be.
env::Path default_state_directory(const World& world);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RECORD_SETTINGS_H_
