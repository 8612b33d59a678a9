#include "service/safety_chain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/restore/restore.h"
#include "service/backup_job.h"
#include "service/export_job.h"
#include "service/place_check.h"
#include "service/record_restore.h"
#include "service/safety_copy.h"

namespace holdfast::service {

std::string SafetyChain::safe_save() {
  check_backup_places(session_);
  begin();
  std::optional<repository::Snapshot> before;
  if (!site_.files().empty()) before = back_up_files();
  Answers answers;
  Places copies;
  {
    Records records(site_.configuration(), site_.world());
    answers = samples_.save(records, engine::Kept::kStored);
    samples_.expect(records, answers, true);
    copies = copy_collections();
  }
  if (before) restore_files(*before, true);
  site_.reset_schemas();
  {
    Records records(site_.configuration(), site_.world());
    samples_.expect(records, answers, false);
  }
  restore_collections(copies);
  Records records(site_.configuration(), site_.world());
  for (const auto& [collection, copy] : copies) {
    samples_.expect(records, {{collection, answers.at(collection)}}, true);
  }
  samples_.save(records, engine::Kept::kStored);
  samples_.expect(records, answers, true);
  return fmt::format("{} stored and read back; {}{}{}", samples_.counted(),
                     before ? "the state before was restored, and proved" : "",
                     before && !copies.empty() ? "; " : "",
                     copies.empty() ? "" : "what was lost on the server was restored from a copy");
}

std::string SafetyChain::save_with_export() {
  check_export_places(session_);
  save_all();
  export_all();
  for (const DatabaseExports& exports : choose_exports(site_.configuration(), {})) {
    for (const auto& check :
         check_database_exports(site_.configuration(), site_.world(), exports, silent())) {
      if (check.failure) throw *check.failure;
      if (check.current) continue;
      not_so(
          fmt::format("{} is not what the database holds", check.target.file.filename().string()));
    }
  }
  return fmt::format("{} in exported files, equal to the database", samples_.counted());
}

std::string SafetyChain::emergency_save() {
  check_spool_places(session_);
  const Answers answers = save_all();  // only the database tells each record's id
  begin();
  move_databases(true);
  spool_all();
  save_in_emergency();
  move_databases(false);
  drain_and_expect(answers);
  return fmt::format(
      "{} spooled, and brought in when the databases were back; without a spool, "
      "in emergency copies",
      samples_.counted());
}

// Each test for itself: nothing is there that another has saved.
void SafetyChain::begin() {
  progress_.advance(0);
  if (databases_away_) move_databases(false);
  if (!begun_) {
    begun_ = true;
    if (!site_.files().empty()) start_ = back_up_files();
    return;
  }
  if (start_) restore_files(*start_, false);
  site_.reset_schemas();
  std::error_code ignored;
  std::filesystem::remove_all(site_.configuration().records.spool, ignored);
}

SafetyChain::Answers SafetyChain::save_all() {
  begin();
  Records records(site_.configuration(), site_.world());
  return samples_.save(records, engine::Kept::kStored);
}

void SafetyChain::spool_all() {
  Records records(site_.configuration(), site_.world());
  samples_.save(records, engine::Kept::kSpooled);
}

SafetyChain::Answers SafetyChain::save_in_emergency() {
  env::FileSystem& files = site_.world().files;
  Configuration broken = site_.configuration();
  const env::Path in_the_way = site_.folder() / "no-folder";
  broken.records.spool = in_the_way / "spool";
  env::write_file_atomically(files, in_the_way, as_bytes("a file"));
  Records records(broken, site_.world());
  Answers answers = samples_.save(records, engine::Kept::kEmergency);
  for (const auto& [collection, answer] : answers) {
    const Bytes decoded = from_base64(as_text(env::read_file(files, answer.emergency_file)));
    const engine::Record copy = engine::parse_record_json(as_text(decoded), "the copy");
    if (copy.size() != 1 || copy.front() != site_.samples().at(collection)) {
      not_so(fmt::format("{} does not hold the record", answer.emergency_file.string()));
    }
  }
  return answers;
}

void SafetyChain::drain_and_expect(const Answers& answers) {
  Records records(site_.configuration(), site_.world());
  const engine::DrainReport drained = records.drain();
  if (drained.rejected > 0 || !drained.away.empty()) {
    not_so(fmt::format("the spool was not drained: {} refused {}", drained.rejected, drained.away));
  }
  samples_.expect(records, answers, true);
}

repository::Snapshot SafetyChain::back_up_files() {
  BackupJob job;
  for (const std::string& name : site_.files()) {
    job.databases.push_back(
        {.name = name,
         .source = {.path = site_.database_path(name), .entry = {}, .reason = {}},
         .configured = true});
  }
  return back_up(site_.session(), job).backup.snapshot;
}

void SafetyChain::restore_files(const repository::Snapshot& snapshot, bool safely) {
  for (const std::string& name : site_.files()) {
    engine::RestoreRequest request;
    request.database = name;
    request.target = site_.database_path(name);
    request.safety_snapshot = safely;
    const auto result = engine::restore(site_.session().repository(), site_.world().files, snapshot,
                                        request, silent());
    if (safely && !result.safety_snapshot) {
      not_so(fmt::format("{} was restored without a safety snapshot", name));
    }
  }
}

SafetyChain::Places SafetyChain::copy_collections() {
  Places copies;
  Records records(site_.configuration(), site_.world());
  for (const engine::Collection& collection : site_.configuration().collections) {
    if (!site_.is_on_server(collection)) continue;
    const SafetyCopy copy =
        take_safety_copy(site_.session(), records, collection, "before_restore");
    if (copy.file.empty()) not_so(fmt::format("there is no copy of {}", collection.name));
    copies[collection.name] = copy.file;
  }
  return copies;
}

void SafetyChain::restore_collections(const Places& copies) {
  for (const std::string& collection : samples_.order()) {
    const auto copy = copies.find(collection);
    if (copy == copies.end()) continue;
    RecordRestore restore(site_.session(),
                          {.file = copy->second, .collection = collection, .force = true});
    if (restore.run().counts.inserted > 0) continue;
    not_so(fmt::format("nothing of {} was restored from {}", collection, copy->second));
  }
}

void SafetyChain::export_all() {
  for (const DatabaseExports& exports : choose_exports(site_.configuration(), {})) {
    for (const auto& outcome :
         export_database(site_.configuration(), site_.world(), exports, silent())) {
      if (outcome.failure) throw *outcome.failure;
      if (outcome.records > 0) continue;
      not_so(fmt::format("{} has no records", outcome.target.file.filename().string()));
    }
  }
}

void SafetyChain::move_databases(bool away) {
  site_.move_databases(away);
  databases_away_ = away;
}

}  // namespace holdfast::service
