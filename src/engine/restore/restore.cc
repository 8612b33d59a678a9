#include "engine/restore/restore.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/restore/page_writer.h"
#include "engine/restore/swap.h"
#include "repository/index.h"

namespace holdfast::engine {
namespace {

using repository::DatabaseState;
using repository::Repository;

void write_database(const Repository& repository, const DatabaseState& state, env::File& file,
                    unsigned threads, Progress& progress) {
  const repository::LoadedIndex loaded = repository::load_index(repository);
  const repository::BlobReader reader(repository, loaded.index);
  progress.stage(fmt::format("Restoring {}", state.name), state.bytes());
  write_pages(reader, state, file, thread_count(threads), progress);
}

// What a snapshot needs may go with it when somebody forgets it meanwhile: that is no damage.
bool is_forgotten(const Repository& repository, const repository::Snapshot& snapshot,
                  const Error& error) {
  const bool lacks_something = error.code() == ErrorCode::kMissingObject;
  return lacks_something && !repository.store().stat(object_name(repository, snapshot));
}

}  // namespace

RestoreResult restore(const Repository& repository, env::FileSystem& files,
                      const repository::Snapshot& snapshot, const RestoreRequest& request,
                      Progress& progress) {
  const DatabaseState* state = snapshot.database(request.database);
  if (state == nullptr) {
    throw Error(ErrorCode::kDatabaseUnknown,
                fmt::format("snapshot {} does not contain {}", snapshot.name, request.database));
  }
  RestoreResult result = swap_in(
      repository, files, request,
      [&](env::File& file, const env::Path&) {
        try {
          write_database(repository, *state, file, request.threads, progress);
        } catch (const Error& error) {
          if (!is_forgotten(repository, snapshot, error)) throw;
          throw Error(ErrorCode::kSnapshotMissing,
                      fmt::format("snapshot {} was forgotten while it was restored", snapshot.name),
                      "The target was not touched.");
        }
      },
      progress);
  result.bytes = state->bytes();
  result.checksum = state->checksum;
  return result;
}

std::uint64_t restore_copy(const Repository& repository, env::FileSystem& files,
                           const DatabaseState& state, const std::filesystem::path& path,
                           unsigned threads, Progress& progress) {
  write_database(repository, state, *files.create(path), threads, progress);
  return state.bytes();
}

}  // namespace holdfast::engine
