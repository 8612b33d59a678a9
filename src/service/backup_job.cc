#include "service/backup_job.h"

#include <fmt/format.h>

#include "service/audit.h"

namespace holdfast::service {

BackupOutcome back_up(Session& session, const BackupJob& job) {
  // Before anything is read: a backup is not to fail for its name after an hour.
  if (!job.name.empty()) repository::check_snapshot_name(job.name);
  for (const std::string& tag : job.tags) repository::check_tag(tag);
  if (job.keep && job.keep->empty()) throw Error(ErrorCode::kUsage, "the policy keeps nothing");

  const repository::Repository& repository = session.repository();
  engine::BackupRequest request;
  for (const Database& database : job.databases) {
    request.databases.push_back({.name = database.name, .path = database.source.path});
  }
  request.name = job.name;
  request.tags = job.tags;
  request.command = session.command();
  request.compression_level =
      session.configuration().compression.value_or(codec::kDefaultCompressionLevel);
  request.cache_directory = session.cache_directory();

  BackupOutcome outcome{.backup = recording_failures(session, "backup",
                                                     [&] {
                                                       return engine::back_up(
                                                           repository, session.world().files,
                                                           request, session.progress());
                                                     }),
                        .forgotten = {}};
  if (!job.keep) return outcome;
  try {
    const auto list = repository::list_snapshots(repository);
    outcome.forgotten = plan_series(*job.keep, outcome.backup.snapshot, list.snapshots);
    forget(session, *outcome.forgotten);
  } catch (const Error& error) {
    outcome.forgotten.reset();
    outcome.backup.warnings.push_back(fmt::format(
        "the snapshot is safe, but older ones were not forgotten: {}", error.happened()));
    session.progress().warning(outcome.backup.warnings.back());
  }
  return outcome;
}

}  // namespace holdfast::service
