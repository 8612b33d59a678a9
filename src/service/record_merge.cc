#include "service/record_merge.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "service/audit.h"
#include "service/export_job.h"
#include "service/safety_copy.h"

namespace holdfast::service {
namespace {

constexpr std::size_t kMergedTogether = 500;

}  // namespace

void MergeCounts::refuse(std::string reason) {
  constexpr std::size_t kMostReasons = 10;
  ++refused;
  if (reasons.size() < kMostReasons) reasons.push_back(std::move(reason));
}

RecordMerge::RecordMerge(Session& session, Records& records, const engine::Collection& collection,
                         bool dry_run)
    : session_(session), records_(records), collection_(collection), dry_run_(dry_run) {
  records_.writer(collection_).read([&](engine::RecordDatabase& database) {
    layout_ = database.layout(collection_.name);
    for (const engine::Tombstone& tombstone : database.tombstones(collection_.table)) {
      // One of another key is of a table that looked otherwise.
      if (tombstone.key.size() != layout_->key.size()) continue;
      deleted_.insert(engine::record_id(tombstone.key, *layout_));
    }
  });
  if (const auto* known = configuration_of(collection_.database, session_.configuration())) {
    for (const sqlite::Exclusion& exclusion : known->protection.exclusions) {
      exclusions_.emplace_back(exclusion.table, exclusion.condition);
    }
  }
}

bool RecordMerge::has_data() {
  return records_.list(collection_.name, {.filters = {}, .sort = {}, .size = 1}).total > 0;
}

void RecordMerge::add(const engine::IdentifiedRecord& identified, engine::Record record,
                      bool replace) {
  waiting_.push_back({identified, std::move(record), replace});
  if (waiting_.size() >= kMergedTogether) write_waiting();
}

// Once, before the first record is written.
void RecordMerge::prepare() {
  if (prepared_) return;
  prepared_ = true;
  const bool on_server =
      configured_server(collection_.database, session_.configuration(), session_.world())
          .has_value();
  if (!on_server && !session_.has_place()) {
    session_.progress().warning("no repository is named: there is no safety snapshot");
    return;
  }
  const SafetyCopy copy = take_safety_copy(session_, records_, collection_, "before_merge");
  counts_.safety_snapshot = copy.snapshot;
  counts_.safety_copy = copy.file;
}

void RecordMerge::write_waiting() {
  std::vector<Waiting> waiting = std::exchange(waiting_, {}), chosen;
  std::vector<engine::Write> writes;
  records_.writer(collection_).read([&](engine::RecordDatabase& database) {
    for (Waiting& one : waiting) {
      const std::string& id = one.identified.id;
      if (deleted_.contains(id)) {
        ++counts_.deleted;
        continue;
      }
      if (added_.contains(id)) {
        ++counts_.kept;
        continue;
      }
      std::optional<engine::Record> present;
      try {
        present = database.get(collection_.name, id);
      } catch (const Error& error) {
        // A server refuses a key that its column could never hold.
        if (error.code() != ErrorCode::kRecordInvalid) throw;
        counts_.refuse(error.happened());
        continue;
      }
      if (present) {
        const bool equal =
            engine::identify({}, *present, *layout_).version == one.identified.version;
        if (equal || !one.replace) {
          ++(equal ? counts_.equal : counts_.kept);
          continue;
        }
      }
      added_.insert(id);
      chosen.push_back(std::move(one));
    }
  });
  if (chosen.empty()) return;
  if (dry_run_) {
    for (const Waiting& one : chosen) ++(one.replace ? counts_.replaced : counts_.inserted);
    return;
  }
  prepare();
  for (const Waiting& one : chosen) {
    engine::Write write{.id = {},
                        .kind = engine::WriteKind::kPut,
                        .collection = collection_.name,
                        .record = one.record,
                        .record_id = one.identified.id};
    // Who wrote it meanwhile wins too.
    write.condition.absent = !one.replace;
    write.condition.exclusions = exclusions_;
    writes.push_back(std::move(write));
  }
  const auto answers = records_.write(std::move(writes));
  for (std::size_t i = 0; i < answers.size(); ++i) count(answers[i], chosen[i]);
  session_.progress().advance(0);
}

void RecordMerge::count(const engine::WriteAnswer& answer, const Waiting& waiting) {
  if (answer.kept == engine::Kept::kStored) {
    ++(answer.outcome.created ? counts_.inserted : counts_.replaced);
    return;
  }
  const std::string& id = waiting.identified.id;
  added_.erase(id);
  if (!answer.outcome.refused) {
    // Spooled or in an emergency copy: safe, but not merged.
    counts_.refuse(fmt::format("{}: {}", id, answer.why));
    return;
  }
  switch (answer.outcome.refused->code()) {
    case ErrorCode::kPreconditionFailed:
      ++counts_.kept;
      return;
    case ErrorCode::kRecordDeleted:
      ++counts_.deleted;
      return;
    case ErrorCode::kRecordExcluded:
      ++counts_.excluded;
      return;
    case ErrorCode::kRecordInvalid:
    case ErrorCode::kRecordRejected:
    case ErrorCode::kWriteNotProved:
      counts_.refuse(std::string(answer.outcome.refused->happened()));
      return;
    default:
      throw *answer.outcome.refused;  // the database is away
  }
}

MergeCounts RecordMerge::finish() {
  if (!waiting_.empty()) write_waiting();
  if (!dry_run_ && counts_.inserted + counts_.replaced > 0) {
    for (const std::string& sentence :
         export_after_writes(session_.configuration(), session_.world(), collection_.database,
                             session_.progress())) {
      session_.progress().warning(sentence);
    }
  }
  return std::move(counts_);
}

}  // namespace holdfast::service
