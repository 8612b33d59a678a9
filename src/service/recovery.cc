#include "service/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "service/audit.h"
#include "service/import_job.h"
#include "service/quiet_progress.h"

namespace holdfast::service {

Recovery::Recovery(Session& session, const std::string& collection,
                   const std::vector<env::Path>& paths)
    : session_(session),
      records_(session.configuration(), session.world()),
      collection_(chosen_collection(session, records_, collection)) {
  try {
    merge_.emplace(session, records_, collection_, false);
    layout_ = merge_->layout();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    layout_ = layout_in_history(session, collection_);
    if (!layout_) throw;
  }
  for (RecoverySource& source :
       find_recovery_sources(session, collection_, layout_->collection.key, paths)) {
    sources_.push_back({.source = std::move(source), .report = {}, .unfit = 0, .unfit_reason = {}});
  }
}

void Recovery::scan() {
  session_.progress().stage("Looking through copies", sources_.size());
  for (ScannedSource& scanned : sources_) {
    census_.begin_source(scanned.source.seen);
    try {
      scanned.report = scanned.source.read([&](const std::string& said, engine::Record&& record) {
        try {
          census_.add(engine::identify(said, record, *layout_));
        } catch (const Error& error) {
          if (error.code() != ErrorCode::kRecordInvalid) throw;
          if (++scanned.unfit == 1) {
            scanned.unfit_reason =
                fmt::format("{}{}{}", said, said.empty() ? "" : ": ", error.happened());
          }
        }
      });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInterrupted || error.code() == ErrorCode::kDiskFull) throw;
      scanned.report.add_damage(error.happened());
    }
    census_.end_source(scanned.report.is_intact());
    session_.progress().advance(1);
  }
  census_.settle();
}

ScanCounts Recovery::counts() const {
  ScanCounts counts;
  for (const auto& [id, record] : census_.records()) {
    ++counts.records;
    if (record.in_database) {
      ++counts.in_database;
    } else if (is_deleted(id)) {
      ++counts.deleted;
    } else {
      ++counts.missing;
    }
    if (record.versions.size() > 1) ++counts.differing;
  }
  return counts;
}

bool Recovery::is_all_intact() const {
  return std::ranges::all_of(sources_, [](const ScannedSource& scanned) {
    return scanned.report.is_intact() && scanned.unfit == 0;
  });
}

Recovery::Plan Recovery::plan(const MergeChoice& choice) const {
  Plan plan;
  for (const auto& [id, record] : census_.records()) {
    if (is_deleted(id) || choice.picks.contains(id)) continue;
    const std::uint32_t best = census_.best_version(record);
    const engine::KnownVersion& version = record.versions[best];
    if (record.in_database) {
      const bool newer = choice.newest && best != *record.in_database &&
                         census_.source(version.best).intact &&
                         census_.source(version.best).seen > census_.source(0).seen;
      if (!newer) continue;
    }
    plan[version.best][id] = {.version = version.digest, .replace = record.in_database.has_value()};
  }
  for (const auto& [id, place] : choice.picks) pick(id, place, plan);
  return plan;
}

// The version is looked for in the source when it is read again.
void Recovery::pick(const std::string& id, const std::string& place, Plan& plan) const {
  std::optional<std::size_t> number;
  std::size_t typed = 0;
  const char* const end = place.data() + place.size();
  const auto parsed = std::from_chars(place.data(), end, typed);
  if (parsed.ec == std::errc{} && parsed.ptr == end && typed < sources_.size()) number = typed;
  const env::Path path = absolute_path(session_.world().directory, place);
  for (std::size_t i = 0; i < sources_.size() && !number; ++i) {
    const std::string& known = sources_[i].source.place;
    if (known == place || known == path.string()) number = i;
  }
  if (!number) {
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is none of the sources", place), {},
                "Say its number as `holdfast recover --scan` shows it, its path, or the id of a "
                "snapshot.");
  }
  if (is_deleted(id)) {
    throw Error(ErrorCode::kRecordDeleted, fmt::format("{} was deleted, and stays so", id));
  }
  if (!census_.records().contains(id)) {
    throw Error(ErrorCode::kRecordMissing, fmt::format("no source has a record {}", id));
  }
  plan[static_cast<std::uint32_t>(*number)][id] = {.version = {}, .replace = true};
}

void Recovery::read_planned(
    Plan& plan,
    const std::function<void(const engine::IdentifiedRecord&, engine::Record&&, bool)>& take) {
  constexpr engine::VersionDigest kAny{};
  session_.progress().stage("Reading what is wanted", plan.size());
  for (auto& [number, wanted] : plan) {
    const RecoverySource& source = sources_[number].source;
    source.read([&](const std::string& said, engine::Record&& record) {
      if (wanted.empty()) return;
      std::optional<engine::IdentifiedRecord> identified;
      try {
        identified = engine::identify(said, record, *layout_);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kRecordInvalid) throw;
        return;
      }
      const auto found = wanted.find(identified->id);
      if (found == wanted.end()) return;
      if (found->second.version != kAny && found->second.version != identified->version) return;
      const bool replace = found->second.replace;
      wanted.erase(found);
      take(*identified, std::move(record), replace);
    });
    session_.progress().advance(1);
  }
}

MergeCounts Recovery::merge(const MergeChoice& choice, bool dry_run) {
  Plan wanted = plan(choice);
  RecordMerge merging(session_, records_, collection_, dry_run);
  read_planned(wanted, [&](const engine::IdentifiedRecord& identified, engine::Record&& record,
                           bool replace) { merging.add(identified, std::move(record), replace); });
  MergeCounts counts = merging.finish();
  for (const auto& [number, rest] : wanted) {
    for (const auto& [id, ignored] : rest) {
      counts.refuse(fmt::format("{}: {} no longer has it, or is another one by now", id,
                                sources_[number].source.place));
    }
  }
  if (!counts.safety_snapshot.empty()) {
    record(session_, "recover", "ok",
           fmt::format("{} records into {}, {} replaced, {} refused; what was there is snapshot {}",
                       counts.inserted, collection_.name, counts.replaced, counts.refused,
                       counts.safety_snapshot));
  }
  return counts;
}

void Recovery::load_all(const std::function<void(const std::string& id, engine::Record&&)>& visit) {
  Plan wanted;
  for (const auto& [id, record] : census_.records()) {
    if (is_deleted(id)) continue;
    const engine::KnownVersion& version =
        record.versions[record.in_database.value_or(census_.best_version(record))];
    wanted[record.in_database ? 0 : version.best][id] = {.version = version.digest};
  }
  read_planned(wanted, [&](const engine::IdentifiedRecord& identified, engine::Record&& record,
                           bool) { visit(identified.id, std::move(record)); });
}

}  // namespace holdfast::service
