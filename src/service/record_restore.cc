#include "service/record_restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "engine/exports/export_manifest.h"
#include "engine/legacy/copy_file.h"
#include "service/audit.h"
#include "service/export_job.h"
#include "service/import_job.h"
#include "service/quiet_progress.h"

namespace holdfast::service {
namespace {

constexpr int kRestoreAttempts = 5;  // while others write
constexpr Duration kFirstWait = std::chrono::milliseconds(20);
constexpr Duration kLongestWait = std::chrono::milliseconds(500);

Error unfit_file(const env::Path& file, std::string_view why) {
  return Error(ErrorCode::kVerificationFailed, fmt::format("{}: {}", file.string(), why),
               "Nothing was changed.",
               fmt::format("`holdfast import {}` brings in what can be read and fits, beside what "
                           "is there.",
                           file.filename().string()));
}

}  // namespace

RecordRestore::RecordRestore(Session& session, const RecordRestoreJob& job)
    : session_(session),
      job_(job),
      records_(session.configuration(), session.world()),
      collection_(chosen_collection(session, records_, job.collection)) {
  plan();
  if (!job_.force && counts_.replaced + counts_.equal + counts_.removed > 0) {
    refuse_in_production(session_, collection_.name);
  }
}

engine::CopyReport RecordRestore::read(const engine::RecordVisitor& visit) {
  QuietProgress quiet(session_.progress());
  return engine::read_copy_file(session_.world().files,
                                {.file = job_.file,
                                 .collection = &collection_,
                                 .key = layout_->collection.key,
                                 .scratch = scratch_directory(session_.world())},
                                visit, quiet);
}

void RecordRestore::plan() {
  session_.progress().stage("Comparing records", 0);
  counts_ = {};
  in_file_.clear();
  deleted_.clear();
  removals_.clear();
  std::vector<std::string> present;
  records_.writer(collection_).read([&](engine::RecordDatabase& database) {
    layout_ = database.layout(collection_.name);
    for (const engine::Tombstone& tombstone : database.tombstones(collection_.table)) {
      // One of another key is of a table that looked otherwise.
      if (tombstone.key.size() != layout_->key.size()) continue;
      deleted_.insert(engine::record_id(tombstone.key, *layout_));
    }
    present = database.ids(collection_.name);
  });
  report_ = read([&](const std::string& said, engine::Record&& record) {
    const engine::IdentifiedRecord identified = engine::identify(said, record, *layout_);
    if (in_file_.contains(identified.id)) {
      throw unfit_file(job_.file, fmt::format("the record {} is there twice", identified.id));
    }
    in_file_[identified.id].version = identified.version;
  });
  if (report_.unrelated) {
    throw unfit_file(job_.file, fmt::format("it holds nothing of {}", collection_.name));
  }
  if (!report_.is_intact()) throw unfit_file(job_.file, report_.reasons.front());
  if (!engine::is_as_exported(session_.world().files, job_.file)) {
    throw unfit_file(job_.file, engine::kNotAsExported);
  }
  if (in_file_.empty()) throw unfit_file(job_.file, "there is no record in it");
  for (const std::string& id : present) {
    const auto record = records_.get(collection_.name, id);
    if (!record) continue;  // deleted a moment ago
    const std::string tag = engine::record_tag(*record);
    const auto wanted = in_file_.find(id);
    if (wanted == in_file_.end()) {
      ++counts_.removed;
      removals_.push_back(write_for(engine::WriteKind::kDelete, id, tag));
      continue;
    }
    wanted->second.tag = tag;
    wanted->second.equal =
        engine::identify({}, *record, *layout_).version == wanted->second.version;
    session_.progress().advance(0);
  }
  for (auto& [id, one] : in_file_) {
    one.deleted = deleted_.contains(id);
    ++(one.deleted       ? counts_.deleted
       : one.equal       ? counts_.equal
       : one.tag.empty() ? counts_.inserted
                         : counts_.replaced);
  }
}

engine::Write RecordRestore::write_for(engine::WriteKind kind, const std::string& id,
                                       const std::string& tag) const {
  engine::Write write{.id = engine::new_write_id(),
                      .kind = kind,
                      .collection = collection_.name,
                      .record = {},
                      .record_id = id,
                      .time = session_.world().clock.now()};
  // Only over what the safety copy has.
  write.condition.absent = tag.empty();
  if (!tag.empty()) write.condition.tags = {tag};
  return write;
}

void RecordRestore::put_all(const std::function<void(const engine::Write&)>& put) {
  std::vector<std::pair<std::string, std::string>> exclusions;
  if (const auto* known = configuration_of(collection_.database, session_.configuration())) {
    for (const sqlite::Exclusion& exclusion : known->protection.exclusions) {
      exclusions.emplace_back(exclusion.table, exclusion.condition);
    }
  }
  std::size_t seen = 0;
  // The reader would take what the database throws for damage of the file.
  std::exception_ptr failure;
  const auto put_one = [&](const std::string& said, engine::Record&& record) {
    const engine::IdentifiedRecord identified = engine::identify(said, record, *layout_);
    const auto known = in_file_.find(identified.id);
    if (known == in_file_.end() || known->second.version != identified.version) return;
    ++seen;
    if (known->second.equal || known->second.deleted) return;
    engine::Write write = write_for(engine::WriteKind::kPut, identified.id, known->second.tag);
    write.record = std::move(record);
    write.condition.exclusions = exclusions;
    put(write);
    session_.progress().advance(1);
  };
  read([&](const std::string& said, engine::Record&& record) {
    if (failure) return;
    try {
      put_one(said, std::move(record));
    } catch (...) {
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
  if (seen == in_file_.size()) return;
  throw Error(ErrorCode::kDatabaseChanged,
              fmt::format("{} was changed while it was read", job_.file.string()),
              "Nothing was changed in the database.");
}

// False if others have written to these records since they were compared.
bool RecordRestore::replace(RecordRestoreCounts& counts) {
  env::Clock& clock = session_.world().clock;
  const Duration until = clock.elapsed() + session_.configuration().records.patience;
  for (Duration pause = kFirstWait;; pause = std::min(pause * 2, kLongestWait)) {
    try {
      engine::Replaced done;
      records_.writer(collection_).read([&](engine::RecordDatabase& database) {
        done =
            database.replace(collection_.name, removals_, [&](const auto& put) { put_all(put); });
      });
      counts.inserted = done.inserted;
      counts.replaced = done.replaced;
      counts.removed = done.removed;
      counts.children_removed = done.children_removed;
      counts.deleted += done.deleted;
      counts.excluded = done.excluded;
      return true;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kPreconditionFailed) return false;
      if (error.code() != ErrorCode::kDatabaseBusy || clock.elapsed() + pause > until) throw;
    }
    clock.wait(pause, {});
  }
}

RecordRestore::Outcome RecordRestore::run() {
  Outcome outcome;
  const auto work = [&] {
    const engine::DrainReport drained = records_.drain(collection_.database);
    if (!drained.away.empty()) throw Error(ErrorCode::kUnavailable, drained.away);
    for (int attempt = 1;; ++attempt) {
      // What has changed since it was shown is told by the counts.
      plan();
      outcome.counts = counts_;
      if (job_.safety_copy) {
        outcome.safety = take_safety_copy(session_, records_, collection_, "before_restore");
      }
      session_.progress().stage("Replacing records", counts_.inserted + counts_.replaced);
      if (replace(outcome.counts)) break;
      if (attempt < kRestoreAttempts) continue;
      throw Error(ErrorCode::kDatabaseChanged,
                  fmt::format("others go on writing to records of {}", collection_.name),
                  "Nothing was changed.");
    }
  };
  const bool logged = session_.has_place();
  if (logged) {
    session_.repository();
    recording_failures(session_, "restore", work);
  } else {
    work();
  }
  for (const std::string& sentence : export_after_writes(
           session_.configuration(), session_.world(), collection_.database, session_.progress())) {
    session_.progress().warning(sentence);
  }
  outcome.undo = undo_command(outcome.safety);
  if (logged) {
    const RecordRestoreCounts& counts = outcome.counts;
    record(
        session_, "restore", "ok",
        fmt::format("{} of {}: {} records inserted, {} replaced, {} removed{}{}", collection_.name,
                    job_.file.string(), counts.inserted, counts.replaced, counts.removed,
                    outcome.safety.snapshot.empty() ? "" : "; what was there is snapshot ",
                    outcome.safety.snapshot));
  }
  return outcome;
}

std::string RecordRestore::undo_command(const SafetyCopy& safety) const {
  if (!safety.snapshot.empty()) {
    return shell_quoted(
        {"holdfast", "restore", safety.snapshot, "--database", collection_.database});
  }
  if (safety.file.empty()) return {};
  return shell_quoted(
      {"holdfast", "restore", "--file", safety.file, "--collection", collection_.name});
}

}  // namespace holdfast::service
