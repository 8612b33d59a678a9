#ifndef HOLDFAST_SERVICE_BACKUP_JOB_H_
#define HOLDFAST_SERVICE_BACKUP_JOB_H_

#include <optional>
#include <string>
#include <vector>

#include "engine/backup/backup.h"
#include "service/databases.h"
#include "service/forgetting.h"

namespace holdfast::service {

struct BackupJob {
  std::vector<Database> databases;
  std::string name;
  std::vector<std::string> tags;
  bool read_all = false;  // see engine::BackupRequest
  std::optional<repository::RetentionPolicy>
      keep;  // applied to the new snapshot's series afterwards
};

struct BackupOutcome {
  engine::BackupResult backup;
  std::optional<ForgetPlan> forgotten;
  bool sealed = false;  // with a write-only key: it waits to be taken into the repository
};

// A failure after the snapshot was acknowledged is a warning in the outcome: the backup itself has
// succeeded.
BackupOutcome back_up(Session& session, const BackupJob& job);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_BACKUP_JOB_H_
