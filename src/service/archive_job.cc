#include "service/archive_job.h"

#include <fmt/format.h>

#include "base/error.h"
#include "service/file_in_work.h"
#include "service/restore_job.h"

namespace holdfast::service {

ArchiveOutcome write_archive(Session& session, const repository::Snapshot& snapshot,
                             const ArchiveJob& job) {
  const World& world = session.world();
  const Duration began = world.clock.elapsed();
  ArchiveOutcome outcome;
  const auto states = chosen_states(snapshot, job.databases);
  const auto names = file_names(states);
  for (std::size_t i = 0; i < states.size(); ++i) {
    outcome.databases.push_back({states[i], names[i]});
  }
  const auto there = world.files.status(job.file);
  if (there && there->directory) {
    throw Error(ErrorCode::kTargetExists, fmt::format("{} is a directory", job.file.string()));
  }
  if (there && !job.replace) {
    throw Error(ErrorCode::kTargetExists, fmt::format("{} exists already", job.file.string()), {},
                "Choose another path, or say --replace.");
  }
  FileInWork file(world.files, job.file, world.clock.now());
  outcome.bytes =
      engine::write_snapshot_archive(session.repository(), snapshot, outcome.databases,
                                     *world.files.open_write(file.path()), session.progress());
  file.finish(job.replace);
  outcome.seconds = std::chrono::duration<double>(world.clock.elapsed() - began).count();
  return outcome;
}

}  // namespace holdfast::service
