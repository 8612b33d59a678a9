// What holdfast.toml says about keeping a database safe beside backing it up. Part of
// DatabaseConfiguration and Configuration; docs/cli.md, "Configuration", is the reference.
//
//   environment = "$FLASK_ENV"             # a variable or a word; "prod" means "production"
//   force_import = "FORCE_DATABASE_IMPORT" # the switch's name; HOLDFAST_FORCE_IMPORT unless said
//
//   [databases.app]
//   source = ["$APP_DATABASE", "/volume/app.db"]     # or "tenants/*.db": each file a database
//   on_violation = "restore"              # or "merge", "refuse", "warn"
//   seed = "seed/campaigns.sql"           # *.sql or *.json
//   invariants = [{ name = "campaigns", sql = "SELECT count(*) FROM campaigns", min = 12 }]
//   exclusions = [{ table = "campaigns", where = "name = 'Prizies'" }]
//
//   [replication]
//   close_interval = "15m"
//   lease_stale = "30s"
//   backlog = "/var/lib/app/backlog"      # default: below the cache directory
//   adopt_every = "15m"                   # or "off"
//   longest_end = "25s"
//   keep = [["10m", "0s"], ["2h", "1s"], ["48h", "1m"], ["30d", "1h"]]
#ifndef HOLDFAST_SERVICE_PROTECTION_SETTINGS_H_
#define HOLDFAST_SERVICE_PROTECTION_SETTINGS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/guard/guard.h"
#include "repository/timeline_retention.h"
#include "service/environment.h"

namespace holdfast::service {

struct ProtectionSettings {  // of one database
  std::vector<engine::Invariant> invariants;
  std::vector<sqlite::Exclusion> exclusions;
  env::Path seed;  // absolute; empty: none
  engine::OnViolation on_violation = engine::OnViolation::kRestore;
};

struct ReplicationSettings {
  std::chrono::milliseconds close_interval{900'000};
  std::chrono::milliseconds lease_stale{30'000};
  // Empty: as fast as a store takes it, or four tenths of a second where each request costs.
  std::optional<std::chrono::milliseconds> ship_interval;
  env::Path backlog;  // absolute; empty: below the cache directory
  repository::TimelinePolicy keep;
  // From the end of the application, or the signal to end, until the process ends: as long as most
  // platforms leave to it (30 s), because a store that is only slow still takes the last commits.
  std::chrono::seconds longest_end{25};
  // How often a running `replicate` or `run` takes in what machines with write-only keys have sent;
  // 0: never.
  std::chrono::seconds adopt_every{900};
};

struct BootSettings {
  std::string environment;  // as written: "$FLASK_ENV" or "production"
  std::string force_switch = "HOLDFAST_FORCE_IMPORT";
};

// What `environment` means now: the variable's value, or the word itself, in lower case; empty if
// the variable is not set.
std::string environment_name(const BootSettings& settings, const Variables& variables);
bool is_production(const BootSettings& settings, const Variables& variables);
// The switch is set to 1, true, yes or on.
bool import_is_forced(const BootSettings& settings, const Variables& variables);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_PROTECTION_SETTINGS_H_
