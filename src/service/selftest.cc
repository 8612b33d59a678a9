#include "service/selftest.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/restore/restore.h"
#include "service/backup_job.h"
#include "service/export_job.h"
#include "service/place_check.h"
#include "service/records.h"
#include "service/recovery.h"
#include "service/scratch_site.h"

namespace holdfast::service {
namespace {

// What was expected and is not so.
[[noreturn]] void not_so(std::string what) { throw Error(ErrorCode::kDifferent, std::move(what)); }

engine::Write put_of(const std::string& collection, const engine::Record& record) {
  return {.id = {},
          .kind = engine::WriteKind::kPut,
          .collection = collection,
          .record = record,
          .record_id = {}};
}

using Answers = std::map<std::string, engine::WriteAnswer>;  // by collection

// All samples, each of which must be kept so; their answers by collection.
Answers put_samples(const ScratchSite& site, Records& records, engine::Kept kept) {
  Answers answers;
  for (const auto& [collection, record] : site.samples()) {
    engine::WriteAnswer answer = records.write({put_of(collection, record)}).at(0);
    if (answer.outcome.refused) {
      not_so(fmt::format("a record of {}{} was refused: {}", collection,
                         site.is_made_up(collection) ? " (made up: the table is empty)" : "",
                         answer.outcome.refused->happened()));
    }
    if (answer.kept != kept) {
      not_so(fmt::format("a record of {} was not kept where it should be: {}", collection,
                         answer.why));
    }
    answers[collection] = std::move(answer);
  }
  return answers;
}

// Fields of a sample must be there and equal; the table may add others.
bool holds(const engine::Record& found, const engine::Record& wanted) {
  if (!wanted.is_object() || !found.is_object()) return found == wanted;
  for (const auto& [name, value] : wanted.items()) {
    if (!found.contains(name)) return false;
    if (!holds(found.at(name), value)) return false;
  }
  return true;
}

class Selftest {
 public:
  Selftest(Session& session, ScratchSite& site, Progress& progress)
      : session_(session), site_(site), progress_(progress) {}

  std::string safe_save() {
    check_backup_places(session_);
    begin();
    const repository::Snapshot before = back_up_all();
    Answers answers;
    {
      Records records(site_.configuration(), site_.world());
      answers = put_samples(site_, records, engine::Kept::kStored);
      expect_all(records, answers, true);
    }
    restore_all(before, true);
    {
      Records records(site_.configuration(), site_.world());
      expect_all(records, answers, false);
      put_samples(site_, records, engine::Kept::kStored);
      expect_all(records, answers, true);
    }
    return fmt::format("{} stored and read back; the state before was restored, and proved",
                       counted());
  }

  std::string save_with_export() {
    check_export_places(session_);
    save_all();
    export_all();
    for (const DatabaseExports& exports : choose_exports(site_.configuration(), {})) {
      for (const auto& check :
           check_database_exports(site_.configuration(), site_.world(), exports, silent())) {
        if (check.failure) throw *check.failure;
        if (check.current) continue;
        not_so(fmt::format("{} is not what the database holds",
                           check.target.file.filename().string()));
      }
    }
    return fmt::format("{} in exported files, equal to the database", counted());
  }

  std::string emergency_save() {
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
        counted());
  }

  // Of each kind of copy alone.
  std::string recovery() {
    check_copies(session_);
    const Answers answers = save_all();
    std::map<std::string, Places> places;  // by collection
    const repository::Snapshot snapshot = back_up_all();
    export_all();
    move_databases(true);
    const Answers emergency = save_in_emergency();
    move_databases(false);
    for (const auto& [collection, answer] : answers) {
      places[collection] = {{"snapshot", snapshot.id.short_hex()},
                            {"export", export_of(collection).string()},
                            {"emergency", emergency.at(collection).emergency_file.string()},
                            {"file", write_file(collection, answer).string()}};
    }
    std::size_t kinds = 0;
    for (const auto& [collection, answer] : answers) {
      for (const auto& [kind, place] : places.at(collection)) {
        recover_one(collection, answer, kind, place);
      }
      kinds = places.at(collection).size();
    }
    recover_spooled(answers);
    return fmt::format("{} brought back from each of {} kinds of copies, and from the spool",
                       counted(), kinds);
  }

 private:
  using Places = std::map<std::string, std::string>;  // where a copy is, by its kind

  // Each part for itself: nothing is there that another has saved.
  void begin() {
    progress_.advance(0);
    if (databases_away_) move_databases(false);
    if (!start_) {
      start_ = back_up_all();
      return;
    }
    restore_all(*start_, false);
    std::error_code ignored;
    std::filesystem::remove_all(site_.configuration().records.spool, ignored);
  }

  Answers save_all() {
    begin();
    Records records(site_.configuration(), site_.world());
    return put_samples(site_, records, engine::Kept::kStored);
  }
  void spool_all() {
    Records records(site_.configuration(), site_.world());
    put_samples(site_, records, engine::Kept::kSpooled);
  }

  Progress& silent() { return site_.session().progress(); }
  std::string counted() const {
    const std::size_t records = site_.samples().size();
    return fmt::format("{} {}", records, records == 1 ? "record" : "records");
  }

  std::vector<std::string> databases() const {
    std::vector<std::string> names;
    for (const engine::Collection& collection : site_.configuration().collections) {
      if (std::ranges::find(names, collection.database) == names.end()) {
        names.push_back(collection.database);
      }
    }
    return names;
  }

  repository::Snapshot back_up_all() {
    BackupJob job;
    for (const std::string& name : databases()) {
      job.databases.push_back(
          {.name = name,
           .source = {.path = site_.database_path(name), .entry = {}, .reason = {}},
           .configured = true});
    }
    return back_up(site_.session(), job).backup.snapshot;
  }

  void restore_all(const repository::Snapshot& snapshot, bool safely) {
    for (const std::string& name : databases()) {
      engine::RestoreRequest request;
      request.database = name;
      request.target = site_.database_path(name);
      request.safety_snapshot = safely;
      const auto result = engine::restore(site_.session().repository(), site_.world().files,
                                          snapshot, request, silent());
      if (safely && !result.safety_snapshot) {
        not_so(fmt::format("{} was restored without a safety snapshot", name));
      }
    }
  }

  void export_all() {
    for (const DatabaseExports& exports : choose_exports(site_.configuration(), {})) {
      for (const auto& outcome :
           export_database(site_.configuration(), site_.world(), exports, silent())) {
        if (outcome.failure) throw *outcome.failure;
        if (outcome.records > 0) continue;
        not_so(fmt::format("{} has no records", outcome.target.file.filename().string()));
      }
    }
  }

  // What the scratch copy adds for each collection: see ScratchSite.
  env::Path export_of(const std::string& collection) const {
    env::Path file;
    for (const DatabaseConfiguration& database : site_.configuration().databases) {
      for (const engine::ExportTarget& target : database.exports) {
        if (target.collection == collection) file = target.file;
      }
    }
    return file;
  }

  // While the databases are away, and the spool as well.
  Answers save_in_emergency() {
    env::FileSystem& files = site_.world().files;
    Configuration broken = site_.configuration();
    const env::Path in_the_way = site_.folder() / "no-folder";
    broken.records.spool = in_the_way / "spool";
    env::write_file_atomically(files, in_the_way, as_bytes("a file"));
    Records records(broken, site_.world());
    Answers answers = put_samples(site_, records, engine::Kept::kEmergency);
    for (const auto& [collection, answer] : answers) {
      const Bytes decoded = from_base64(as_text(env::read_file(files, answer.emergency_file)));
      const engine::Record copy = engine::parse_record_json(as_text(decoded), "the copy");
      if (copy.size() != 1 || copy.front() != site_.samples().at(collection)) {
        not_so(fmt::format("{} does not hold the record", answer.emergency_file.string()));
      }
    }
    return answers;
  }

  void drain_and_expect(const Answers& answers) {
    Records records(site_.configuration(), site_.world());
    const engine::DrainReport drained = records.drain();
    if (drained.rejected > 0 || !drained.away.empty()) {
      not_so(
          fmt::format("the spool was not drained: {} refused {}", drained.rejected, drained.away));
    }
    expect_all(records, answers, true);
  }

  // As the tools of old left them; and one that was cut off.
  env::Path write_file(const std::string& collection, const engine::WriteAnswer& answer) {
    env::FileSystem& files = site_.world().files;
    files.make_directories(old_files());
    const env::Path file = old_files() / fmt::format("database_backup_{}.json", ++written_);
    const engine::Record object = {{answer.outcome.record_id, site_.samples().at(collection)}};
    const std::string text = object.dump();
    env::write_file_atomically(files, file, as_bytes(text));
    env::write_file_atomically(files, cut_file(), as_bytes(text.substr(0, text.size() - 1)));
    return file;
  }
  env::Path old_files() const { return site_.folder() / "old"; }
  env::Path cut_file() const { return old_files() / "cut.json"; }

  void recover_one(const std::string& collection, const engine::WriteAnswer& answer,
                   const std::string& kind, const std::string& place) {
    begin();
    const std::string& id = answer.outcome.record_id;
    {
      Recovery recovery(site_.session(), collection, {old_files()});
      recovery.scan();
      const auto source = std::ranges::find_if(recovery.sources(), [&](const ScannedSource& one) {
        return one.source.kind == kind && one.source.place == place;
      });
      if (source == recovery.sources().end() || !source->report.is_intact()) {
        not_so(fmt::format("the {} with a record of {} was not found intact", kind, collection));
      }
      const auto found = recovery.census().records().find(id);
      if (found == recovery.census().records().end() || found->second.in_database) {
        not_so(fmt::format("the record of {} was not seen to be missing", collection));
      }
      if (std::ranges::any_of(recovery.sources(), [&](const ScannedSource& one) {
            return one.source.place == cut_file().string() && one.report.is_intact();
          })) {
        not_so("a file that is cut off was taken for an intact one");
      }
      const std::string number = std::to_string(source - recovery.sources().begin());
      const MergeCounts counts = recovery.merge({.newest = false, .picks = {{id, number}}}, false);
      if (counts.inserted == 0) {
        not_so(fmt::format("the record of {} was not brought back from the {}{}", collection, kind,
                           counts.reasons.empty() ? "" : ": " + counts.reasons.front()));
      }
    }
    Records records(site_.configuration(), site_.world());
    expect_all(records, {{collection, answer}}, true);
  }

  void recover_spooled(const Answers& answers) {
    begin();
    move_databases(true);
    spool_all();
    for (const auto& [collection, answer] : answers) {
      Recovery recovery(site_.session(), collection, {});
      recovery.scan();
      if (std::ranges::none_of(recovery.sources(), [](const ScannedSource& one) {
            return one.source.kind == "spool" && one.report.is_intact() && one.report.records > 0;
          })) {
        not_so(fmt::format("the record of {} in the spool was not found", collection));
      }
    }
    move_databases(false);
    drain_and_expect(answers);
  }

  void expect_all(Records& records, const Answers& answers, bool there) {
    for (const auto& [collection, answer] : answers) {
      // What interrupts the test is told between two records.
      progress_.advance(0);
      const auto found = records.get(collection, answer.outcome.record_id);
      if (found.has_value() != there) {
        not_so(fmt::format("the record of {} is {}", collection,
                           there ? "not there" : "there after the state before was restored"));
      }
      if (found && !answer.outcome.adjusted.empty()) continue;
      if (found && !holds(*found, site_.samples().at(collection))) {
        not_so(fmt::format("the record of {} is not as it was saved", collection));
      }
    }
  }

  void move_databases(bool away) {
    for (const std::string& name : databases()) {
      const env::Path home = site_.database_path(name).parent_path();
      const env::Path other = home.string() + "-away";
      if (!site_.world().files.status(away ? home : other)) continue;
      site_.world().files.rename(away ? home : other, away ? other : home);
    }
    databases_away_ = away;
  }

  Session& session_;
  ScratchSite& site_;
  Progress& progress_;
  std::optional<repository::Snapshot> start_;
  bool databases_away_ = false;
  std::size_t written_ = 0;
};

using Part = std::string (Selftest::*)();
constexpr auto kParts = std::to_array<std::pair<const char*, Part>>(
    {{"safe save with backup", &Selftest::safe_save},
     {"database save with export", &Selftest::save_with_export},
     {"emergency save", &Selftest::emergency_save},
     {"recovery from all sources", &Selftest::recovery}});

// What is no result of a test: it was interrupted, or there is nothing to test.
bool ends_all(const Error& error) {
  return error.code() == ErrorCode::kInterrupted || error.code() == ErrorCode::kUsage;
}

void expect_testable(Session& session) {
  const Configuration& configuration = session.configuration();
  if (configuration.collections.empty()) {
    throw Error(ErrorCode::kConfiguration, "no collections are configured", {},
                "Write [collections.NAME] into holdfast.toml; docs/records.md says how.");
  }
  for (const engine::Collection& collection : configuration.collections) {
    const auto server = configured_server(collection.database, configuration, session.world());
    if (!server) continue;
    throw Error(ErrorCode::kUnsupported,
                fmt::format("the database {} is on a PostgreSQL server ({}): the selftest cannot "
                            "make a scratch copy of that yet",
                            server->name, server->source.place()),
                {}, "Test the SQLite databases with a configuration of their own.");
  }
}

}  // namespace

std::vector<SelftestPart> run_selftest(Session& session,
                                       const std::function<void(const SelftestPart&)>& done) {
  expect_testable(session);
  Progress& progress = session.progress();
  env::Clock& clock = session.world().clock;
  std::optional<ScratchSite> site;
  std::optional<Selftest> test;
  std::string no_site;
  try {
    site.emplace(session.configuration(), session.world(), progress);
    test.emplace(session, *site, progress);
  } catch (const Error& error) {
    if (ends_all(error)) throw;
    no_site = error.happened();
  }
  std::vector<SelftestPart> results;
  for (const auto& [name, run] : kParts) {
    progress.stage(name, 0);
    SelftestPart part{.name = name, .passed = false, .detail = no_site, .seconds = 0};
    const Duration begun = clock.elapsed();
    try {
      if (test) part.detail = ((*test).*run)();
      part.passed = test.has_value();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted) throw;
      part.detail = error.happened();
    }
    part.seconds = std::chrono::duration<double>(clock.elapsed() - begun).count();
    done(part);
    results.push_back(std::move(part));
  }
  return results;
}

}  // namespace holdfast::service
