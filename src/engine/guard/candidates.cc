#include "engine/guard/candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/restore/page_writer.h"
#include "engine/restore/point_in_time.h"

namespace holdfast::engine {
namespace {

using repository::DatabaseState;

constexpr std::size_t kMostTries = 32;

// Another state may be better off; the store itself works.
bool is_about_this_state(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kDamagedObject:
    case ErrorCode::kMissingObject:
    case ErrorCode::kPositionMissing:
    case ErrorCode::kChecksumMismatch:
    case ErrorCode::kNotFound:
    case ErrorCode::kDatabaseDamaged:
    case ErrorCode::kNotADatabase:
    case ErrorCode::kSqlite:
      return true;
    default:
      return false;
  }
}

// The history does not have what it says.
bool is_lost(const Error& error) {
  return error.code() == ErrorCode::kDamagedObject || error.code() == ErrorCode::kMissingObject ||
         error.code() == ErrorCode::kChecksumMismatch;
}

std::size_t tries(const std::vector<Candidate>& candidates) {
  return std::min(candidates.size(), kMostTries);
}

}  // namespace

bool is_emptier(const std::vector<sqlite::TablePresence>& tables, const DatabaseState& full) {
  bool any = false;
  for (const repository::TableCount& table : full.tables) {
    if (table.rows.value_or(0) == 0) continue;
    const auto found = std::ranges::find(tables, table.name, &sqlite::TablePresence::name);
    if (found != tables.end() && found->shadow) continue;
    if (found != tables.end() && !found->empty) return false;
    any = true;
  }
  return any;
}

bool has_rows(const std::vector<sqlite::TablePresence>& tables) {
  return std::ranges::any_of(
      tables, [](const sqlite::TablePresence& table) { return !table.empty && !table.shadow; });
}

Candidates::Candidates(const repository::Repository& repository, History& history,
                       const GuardRequest& request, Progress& progress)
    : repository_(repository),
      history_(history),
      request_(request),
      progress_(progress),
      candidates_(history.candidates()),
      loaded_(repository::load_index(repository)),
      reader_(repository, loaded_.index) {}

Candidates::Copy::Copy(const repository::Repository& at, const std::string& database)
    : place(at),
      history(at, database),
      loaded(repository::load_index(at)),
      reader(at, loaded.index) {}

DatabaseState Candidates::write_state(const Candidate& candidate, env::File& file) {
  try {
    return write_state(candidate, file, repository_, history_, reader_);
  } catch (const Error& error) {
    if (!is_lost(error)) throw;
    auto state = write_from_copies(candidate, file);
    if (!state) throw;
    progress_.warning(fmt::format("database {}: {} is taken from a copy of the repository: {}",
                                  request_.database, candidate.sentence, error.happened()));
    return *std::move(state);
  }
}

DatabaseState Candidates::write_state(const Candidate& candidate, env::File& file,
                                      const repository::Repository& repository, History& history,
                                      const repository::BlobReader& reader) {
  const unsigned threads = thread_count(request_.restore.threads);
  file.truncate(0);
  if (candidate.path) {
    const PointInTime point = read_point(repository, *candidate.path, request_.database);
    progress_.stage(fmt::format("Restoring {}", request_.database), point.state.bytes());
    write_pages(reader, point.base, point.state, point.overlay, file, threads, progress_);
    return point.state;
  }
  const DatabaseState* state = history.state_of(candidate);
  if (state == nullptr) throw Error(ErrorCode::kMissingObject, candidate.sentence + " is gone");
  progress_.stage(fmt::format("Restoring {}", request_.database), state->bytes());
  write_pages(reader, *state, file, threads, progress_);
  return *state;
}

// Positions and snapshots are called the same there; with other keys not much else is.
std::optional<DatabaseState> Candidates::write_from_copies(const Candidate& candidate,
                                                           env::File& file) {
  for (std::size_t number = 0;; ++number) {
    try {
      if (number == copies_.size() && !open_next_copy()) return std::nullopt;
      Copy* const at = copies_[number].get();
      if (at == nullptr) continue;
      Candidate there = candidate;
      if (candidate.path) {
        there.path = repository::find_path(at->history.timeline(), candidate.path->position);
        if (!there.path) continue;
      }
      return write_state(there, file, at->place, at->history, at->reader);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted || error.code() == ErrorCode::kDiskFull) throw;
      progress_.warning(fmt::format("database {}: a copy of the repository does not have it: {}",
                                    request_.database, error.happened()));
    }
  }
}

bool Candidates::open_next_copy() {
  const repository::Repository* found = request_.copies ? request_.copies(copies_.size()) : nullptr;
  if (found == nullptr) return false;
  copies_.emplace_back();  // stays empty if it cannot be read: it is not asked again
  copies_.back() = std::make_unique<Copy>(*found, request_.database);
  return true;
}

// A fresh database that was backed up before anybody noticed is no state to go back to.
bool Candidates::is_emptier_than_before(std::size_t number, const env::Path& path) {
  const auto tables = sqlite::look_at_tables(path, request_.restore.busy_timeout);
  // Most databases have rows: nothing of the history needs to be read.
  if (has_rows(tables)) return false;
  for (std::size_t older = number + 1; older < tries(candidates_); ++older) {
    const DatabaseState* state = history_.state_of(candidates_[older]);
    if (state != nullptr && is_emptier(tables, *state)) return true;
  }
  return false;
}

std::optional<WrittenCandidate> Candidates::try_one(std::size_t number, env::File& file,
                                                    const env::Path& path, bool must_satisfy) {
  const Candidate& candidate = candidates_[number];
  const auto skip = [&](std::string_view why) {
    progress_.warning(fmt::format("database {}: {} is not restored: {}", request_.database,
                                  candidate.sentence, why));
    return std::nullopt;
  };
  try {
    WrittenCandidate written{.candidate = candidate, .state = write_state(candidate, file)};
    const auto busy_timeout = request_.restore.busy_timeout;
    const auto report = sqlite::look_at_database(path, busy_timeout);
    const bool sound =
        sqlite::is_there(report.presence) || report.presence == sqlite::Presence::kNoSchema;
    if (must_satisfy && !sound) return skip(report.detail);
    const auto excluded = sqlite::remove_excluded(path, request_.exclusions, busy_timeout);
    written.excluded = std::accumulate(excluded.begin(), excluded.end(), std::uint64_t{0});
    const auto invariants = check_invariants(path, request_.invariants, busy_timeout);
    const auto violated = std::ranges::find(invariants, false, &InvariantResult::holds);
    written.verified = violated == invariants.end();
    if (must_satisfy && !written.verified) {
      return skip(
          fmt::format("invariant {} is violated (found: {})", violated->name, violated->found));
    }
    if (must_satisfy && is_emptier_than_before(number, path)) return skip("it is empty");
    if (written.excluded > 0) file.sync();
    return written;
  } catch (const Error& error) {
    if (!is_about_this_state(error)) throw;
    return skip(error.happened());
  }
}

WrittenCandidate Candidates::write(env::File& file, const env::Path& path, bool accept_any) {
  for (const bool must_satisfy : {true, false}) {
    if (!must_satisfy && !accept_any) break;
    for (std::size_t number = 0; number < tries(candidates_); ++number) {
      if (auto written = try_one(number, file, path, must_satisfy)) return *std::move(written);
    }
  }
  throw Error(ErrorCode::kGuardRefused,
              fmt::format("database {}: no state of its history {}", request_.database,
                          accept_any ? "is intact" : "is intact and satisfies the invariants"));
}

bool Candidates::write_newest(env::File& file) {
  for (std::size_t number = 0; number < tries(candidates_); ++number) {
    try {
      write_state(candidates_[number], file);
      return true;
    } catch (const Error& error) {
      if (!is_about_this_state(error)) throw;
    }
  }
  return false;
}

}  // namespace holdfast::engine
