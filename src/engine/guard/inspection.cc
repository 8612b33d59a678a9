#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "engine/guard/guard.h"
#include "engine/guard/history.h"
#include "engine/guard/lineage.h"

namespace holdfast::engine {
namespace {

// A store that does not answer must not keep a healthy database from being served.
bool may_serve_without_store(const Error& error) {
  return error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kIo ||
         error.code() == ErrorCode::kRepositoryMissing ||
         error.code() == ErrorCode::kPermissionDenied;
}

class Inspector {
 public:
  Inspector(const repository::Repository* repository, env::FileSystem& files,
            const GuardRequest& request, Progress& progress)
      : repository_(repository), files_(files), request_(request), progress_(progress) {}

  Inspection run();

 private:
  template <typename Work>
  void asking_the_store(const Work& work);
  void look_at_history();
  void look_at_content();
  void count_excluded();
  void report() const;

  const repository::Repository* repository_;
  env::FileSystem& files_;
  const GuardRequest& request_;
  Progress& progress_;
  std::optional<History> history_;
  Inspection found_;
};

template <typename Work>
void Inspector::asking_the_store(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    if (!may_serve_without_store(error)) throw;
    found_.history_known = false;
    found_.has_history = false;
    progress_.warning(fmt::format("database {}: its history cannot be asked: {}", request_.database,
                                  error.happened()));
  }
}

void Inspector::look_at_history() {
  found_.history_known = repository_ != nullptr;
  if (repository_ == nullptr) return;
  asking_the_store([&] {
    history_.emplace(*repository_, request_.database);
    found_.has_history = !history_->empty();
  });
}

void Inspector::look_at_content() {
  const auto damaged = [&](std::string why) {
    found_.presence = {sqlite::Presence::kDamaged, std::move(why)};
  };
  try {
    if (found_.has_history) {
      asking_the_store([&] {
        LineageFinding finding = find_lineage(*repository_, files_, *history_, request_);
        found_.lineage = finding.lineage;
        found_.lineage_detail = std::move(finding.detail);
        if (!finding.damage.empty()) damaged(std::move(finding.damage));
      });
    }
    if (!sqlite::is_there(found_.presence.presence)) return;
    found_.invariants =
        check_invariants(request_.path, request_.invariants, request_.restore.busy_timeout);
    count_excluded();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDatabaseDamaged) throw;
    damaged(error.happened());
  }
}

// A condition that this database cannot answer counts as violated, like any check that fails.
void Inspector::count_excluded() {
  try {
    found_.excluded =
        sqlite::count_excluded(request_.path, request_.exclusions, request_.restore.busy_timeout);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kSqlite) throw;
    found_.invariants.push_back({"the exclusions", false, error.happened()});
  }
}

void Inspector::report() const {
  const auto note = [&](const std::string& text) {
    progress_.notice(fmt::format("database {}: {}", request_.database, text));
  };
  note(fmt::format("found {}: {}", sqlite::presence_name(found_.presence.presence),
                   found_.presence.detail));
  if (found_.has_history && sqlite::is_there(found_.presence.presence)) {
    note(fmt::format("beside its history it is {}: {}", lineage_name(found_.lineage),
                     found_.lineage_detail));
  }
  for (const InvariantResult& result : found_.invariants) {
    if (!result.holds) note(fmt::format("invariant {} is violated: {}", result.name, result.found));
  }
  for (std::size_t i = 0; i < found_.excluded.size(); ++i) {
    if (found_.excluded[i] == 0) continue;
    note(fmt::format("{} excluded rows of {} are in it", found_.excluded[i],
                     request_.exclusions[i].table));
  }
}

Inspection Inspector::run() {
  const auto started = std::chrono::steady_clock::now();
  found_.has_seed = !request_.seed.empty();
  found_.presence = sqlite::look_at_database(request_.path, request_.restore.busy_timeout);
  look_at_history();
  if (sqlite::is_there(found_.presence.presence)) look_at_content();
  found_.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  report();
  return std::move(found_);
}

}  // namespace

Inspection inspect(const repository::Repository* repository, env::FileSystem& files,
                   const GuardRequest& request, Progress& progress) {
  return Inspector(repository, files, request, progress).run();
}

}  // namespace holdfast::engine
