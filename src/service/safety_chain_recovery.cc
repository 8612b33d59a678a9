// Of safety_chain.h, what brings records back.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "engine/records/record_json.h"
#include "service/place_check.h"
#include "service/recovery.h"
#include "service/safety_chain.h"

namespace holdfast::service {

std::string SafetyChain::recovery() {
  check_copies(session_);
  const Answers answers = save_all();
  std::optional<repository::Snapshot> snapshot;
  if (!site_.files().empty()) snapshot = back_up_files();
  const Places copies = copy_collections();
  move_databases(true);
  const Answers emergency = save_in_emergency();
  move_databases(false);
  std::size_t kinds = 0;
  for (const auto& [collection, answer] : answers) {
    std::vector<Copy> places = {{"export", export_of(collection).string()},
                                {"emergency", emergency.at(collection).emergency_file.string()},
                                {"file", write_old_file(collection, answer).string()}};
    const auto copy = copies.find(collection);
    places.push_back(copy == copies.end() ? Copy{"snapshot", snapshot.value().id.short_hex()}
                                          : Copy{"file", copy->second});
    for (const Copy& place : places) {
      // Each recovery is followed by exports, which show what others lack by then.
      if (place.kind == "export") {
        save_all();
        export_all();
      }
      recover_one(collection, answer, place);
    }
    kinds = places.size();
  }
  recover_spooled(answers);
  return fmt::format("{} brought back from each of {} kinds of copies, and from the spool",
                     samples_.counted(), kinds);
}

// What the scratch copy adds for each collection: see ScratchSite.
env::Path SafetyChain::export_of(const std::string& collection) const {
  env::Path file;
  for (const DatabaseConfiguration& database : site_.configuration().databases) {
    for (const engine::ExportTarget& target : database.exports) {
      if (target.collection == collection) file = target.file;
    }
  }
  return file;
}

// As the tools of old left them; and one that was cut off.
env::Path SafetyChain::write_old_file(const std::string& collection,
                                      const engine::WriteAnswer& answer) {
  env::FileSystem& files = site_.world().files;
  files.make_directories(old_files());
  const env::Path file = old_files() / fmt::format("database_backup_{}.json", ++written_);
  const engine::Record object = {{answer.outcome.record_id, site_.samples().at(collection)}};
  const std::string text = object.dump();
  env::write_file_atomically(files, file, as_bytes(text));
  env::write_file_atomically(files, cut_file(), as_bytes(text.substr(0, text.size() - 1)));
  return file;
}

void SafetyChain::recover_one(const std::string& collection, const engine::WriteAnswer& answer,
                              const Copy& copy) {
  begin();
  {
    Records records(site_.configuration(), site_.world());
    samples_.save_those_before(records, collection);
  }
  const std::string& id = answer.outcome.record_id;
  {
    Recovery recovery(site_.session(), collection, {old_files()});
    recovery.scan();
    const auto source = std::ranges::find_if(recovery.sources(), [&](const ScannedSource& one) {
      return one.source.kind == copy.kind && one.source.place == copy.place;
    });
    if (source == recovery.sources().end() || !source->report.is_intact()) {
      not_so(fmt::format("the {} with a record of {} was not found intact", copy.kind, collection));
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
      not_so(fmt::format("the record of {} was not brought back from the {}{}", collection,
                         copy.kind, counts.reasons.empty() ? "" : ": " + counts.reasons.front()));
    }
  }
  Records records(site_.configuration(), site_.world());
  samples_.expect(records, {{collection, answer}}, true);
}

void SafetyChain::recover_spooled(const Answers& answers) {
  begin();
  move_databases(true);
  spool_all();
  // Without its database a collection is known by a snapshot, which servers have none of.
  for (const engine::Collection& collection : site_.configuration().collections) {
    if (!site_.is_on_server(collection)) find_spooled(collection.name);
  }
  move_databases(false);
  for (const engine::Collection& collection : site_.configuration().collections) {
    if (site_.is_on_server(collection)) find_spooled(collection.name);
  }
  drain_and_expect(answers);
}

void SafetyChain::find_spooled(const std::string& collection) {
  Recovery recovery(site_.session(), collection, {});
  recovery.scan();
  if (std::ranges::none_of(recovery.sources(), [](const ScannedSource& one) {
        return one.source.kind == "spool" && one.report.is_intact() && one.report.records > 0;
      })) {
    not_so(fmt::format("the record of {} in the spool was not found", collection));
  }
}

}  // namespace holdfast::service
