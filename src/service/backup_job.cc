#include "service/backup_job.h"

#include <fmt/format.h>

#include <optional>

#include "repository/future_snapshot.h"
#include "service/audit.h"

namespace holdfast::service {
namespace {

// `latest` goes by time, so it is not the state that was just saved.
void warn_of_future(Session& session, engine::BackupResult& backup) {
  const repository::Snapshot& taken = backup.snapshot;
  std::optional<repository::Snapshot> future;
  try {
    future = repository::find_future_snapshot(session.repository(), taken);
  } catch (const Error&) {
    return;  // the snapshot is safe, and this look is only a courtesy
  }
  if (!future) return;
  backup.warnings.push_back(fmt::format(
      "snapshot {} \"{}\" is of {}, which is still to come: the clock was set back, or was wrong "
      "then. Until that time it is what `latest` means; the state just saved is {}",
      future->id.short_hex(), future->name, format_local(future->time), taken.id.short_hex()));
  session.progress().warning(backup.warnings.back());
}

engine::BackupRequest request_of(Session& session, const BackupJob& job) {
  engine::BackupRequest request;
  for (const Database& database : job.databases) {
    request.databases.push_back({.name = database.name, .path = database.source.path});
  }
  request.name = job.name;
  request.tags = job.tags;
  request.read_all = job.read_all;
  request.command = session.command();
  request.compression_level =
      session.configuration().compression.value_or(codec::kDefaultCompressionLevel);
  request.cache_directory = session.cache_directory();
  return request;
}

// If what the first session goes on from is let go of meanwhile, the second one sends everything.
BackupOutcome send(Session& session, const BackupJob& job, const repository::WriteKey& key) {
  if (job.keep) throw repository::write_only(key.info);
  const repository::Config config = repository::read_config(session.store());
  const engine::BackupRequest request = request_of(session, job);
  const auto once = [&] {
    const repository::SealedSession sealed(session.store(), session.world().clock, config, key);
    return BackupOutcome{
        .backup = engine::back_up(sealed, session.world().files, request, session.progress()),
        .forgotten = {},
        .sealed = true};
  };
  try {
    return once();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIntentLost) throw;
    session.progress().notice(fmt::format("{}; beginning again", error.happened()));
    return once();
  }
}

}  // namespace

BackupOutcome back_up(Session& session, const BackupJob& job) {
  // Before anything is read: a backup is not to fail for its name after an hour.
  if (!job.name.empty()) repository::check_snapshot_name(job.name);
  for (const std::string& tag : job.tags) repository::check_tag(tag);
  if (job.keep && job.keep->empty()) throw Error(ErrorCode::kUsage, "the policy keeps nothing");

  if (const repository::WriteKey* key = session.write_key()) return send(session, job, *key);
  const repository::Repository& repository = session.repository();
  const engine::BackupRequest request = request_of(session, job);

  BackupOutcome outcome{.backup = recording_failures(session, "backup",
                                                     [&] {
                                                       return engine::back_up(
                                                           repository, session.world().files,
                                                           request, session.progress());
                                                     }),
                        .forgotten = {},
                        .sealed = false};
  warn_of_future(session, outcome.backup);
  if (!job.keep) return outcome;
  try {
    auto list = repository::list_snapshots(repository);
    // They would displace the snapshot just taken.
    repository::take_future_snapshots(list.snapshots, session.world().clock.now());
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
