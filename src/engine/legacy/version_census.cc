#include "engine/legacy/version_census.h"

#include <algorithm>

namespace holdfast::engine {

std::uint32_t VersionCensus::begin_source(Time seen) {
  sources_.push_back({.seen = seen});
  return static_cast<std::uint32_t>(sources_.size() - 1);
}

void VersionCensus::end_source(bool intact) {
  sources_.back().intact = intact;
  sources_.back().closed = true;
}

bool VersionCensus::is_better(std::uint32_t source, std::uint32_t than) const {
  const CensusSource &a = sources_[source], &b = sources_[than];
  if (a.intact != b.intact) return a.intact;
  return a.seen > b.seen;
}

void VersionCensus::settle(KnownVersion& version) const {
  if (is_better(version.last, version.best)) version.best = version.last;
}

void VersionCensus::add(const IdentifiedRecord& record) {
  const auto source = static_cast<std::uint32_t>(sources_.size() - 1);
  KnownRecord& known = records_[record.id];
  auto version = std::ranges::find(known.versions, record.version, &KnownVersion::digest);
  if (version == known.versions.end()) {
    known.versions.push_back(
        {.digest = record.version, .copies = 1, .newest = source, .best = source, .last = source});
    version = known.versions.end() - 1;
  } else if (version->last != source) {
    settle(*version);
    version->last = source;
    ++version->copies;
    if (sources_[source].seen > sources_[version->newest].seen) version->newest = source;
  }
  if (source == 0) {
    known.in_database = static_cast<std::uint32_t>(version - known.versions.begin());
  }
}

void VersionCensus::settle() {
  for (auto& [id, record] : records_) {
    for (KnownVersion& version : record.versions) settle(version);
  }
}

std::uint32_t VersionCensus::best_version(const KnownRecord& record) const {
  std::uint32_t best = 0;
  for (std::uint32_t i = 1; i < record.versions.size(); ++i) {
    if (is_better(record.versions[i].best, record.versions[best].best)) best = i;
  }
  return best;
}

}  // namespace holdfast::engine
