// `holdfast salvage`: what a damaged file still holds, in a new one. Needs no repository.
#ifndef HOLDFAST_SERVICE_SALVAGE_JOB_H_
#define HOLDFAST_SERVICE_SALVAGE_JOB_H_

#include "base/progress.h"
#include "service/environment.h"
#include "sqlite/salvage/salvage.h"

namespace holdfast::service {

struct SalvageRequest {
  env::Path source, target;  // absolute
  bool replace = false;      // what is at the target
  sqlite::SalvageOptions options;
};

// The source is only read, and so is its log. The new database is written beside the target,
// readable by its owner alone, and gets its name when it is complete and synced. Throws
// kTargetExists, kUsage where both are the same file, and what sqlite/salvage/ throws.
sqlite::SalvageReport salvage(const World& world, const SalvageRequest& request,
                              Progress& progress);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SALVAGE_JOB_H_
