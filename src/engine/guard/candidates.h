// Which state of the history is put in place, or merged.
#ifndef HOLDFAST_ENGINE_GUARD_CANDIDATES_H_
#define HOLDFAST_ENGINE_GUARD_CANDIDATES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "engine/guard/guard.h"
#include "engine/guard/history.h"
#include "env/file_system.h"
#include "repository/blob_reader.h"
#include "repository/index.h"

namespace holdfast::engine {

// What is known of tables must be enough: every table that has rows in `full` is missing or empty
// in `tables`, and there is such a table.
bool is_emptier(const std::vector<sqlite::TablePresence>& tables,
                const repository::DatabaseState& full);

bool has_rows(const std::vector<sqlite::TablePresence>& tables);

struct WrittenCandidate {
  Candidate candidate;
  repository::DatabaseState state;  // before the exclusions
  std::uint64_t excluded = 0;       // rows that were taken out
  bool verified = false;            // it satisfies the invariants
};

// By one thread.
class Candidates {
 public:
  Candidates(const repository::Repository& repository, History& history,
             const GuardRequest& request, Progress& progress);

  // Fills `file`, found at `path`, with the newest state that is neither damaged nor emptier than
  // what was before it and that, cleared of the excluded rows, satisfies the invariants; it is
  // synced. If there is none and `accept_any`, with the newest that is intact. What the repository
  // has lost of a state is taken from the copies of the request. Throws kGuardRefused if there is
  // none of these either, and what the store throws.
  WrittenCandidate write(env::File& file, const env::Path& path, bool accept_any);
  // The newest state that is intact, only to be looked at; false if there is none.
  bool write_newest(env::File& file);

 private:
  // The same history in another place.
  struct Copy {
    Copy(const repository::Repository& at, const std::string& database);
    const repository::Repository& place;
    History history;
    const repository::LoadedIndex loaded;
    const repository::BlobReader reader;
  };

  repository::DatabaseState write_state(const Candidate& candidate, env::File& file);
  repository::DatabaseState write_state(const Candidate& candidate, env::File& file,
                                        const repository::Repository& repository, History& history,
                                        const repository::BlobReader& reader);
  std::optional<repository::DatabaseState> write_from_copies(const Candidate& candidate,
                                                             env::File& file);
  bool open_next_copy();
  bool is_emptier_than_before(std::size_t number, const env::Path& path);
  std::optional<WrittenCandidate> try_one(std::size_t number, env::File& file,
                                          const env::Path& path, bool must_satisfy);

  const repository::Repository& repository_;
  History& history_;
  const GuardRequest& request_;
  Progress& progress_;
  const std::vector<Candidate> candidates_;
  const repository::LoadedIndex loaded_;
  const repository::BlobReader reader_;
  std::vector<std::unique_ptr<Copy>> copies_;  // those that were opened so far
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_GUARD_CANDIDATES_H_
