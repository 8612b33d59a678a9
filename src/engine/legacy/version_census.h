// Which versions of which records are where: digests, not contents.
#ifndef HOLDFAST_ENGINE_LEGACY_VERSION_CENSUS_H_
#define HOLDFAST_ENGINE_LEGACY_VERSION_CENSUS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/legacy/record_identity.h"

namespace holdfast::engine {

// What is known of a place that was, or is being, read. They are numbered from 0.
struct CensusSource {
  Time seen{};          // of when its records are
  bool intact = true;   // told when it has been read
  bool closed = false;  // it has been read
};

struct KnownVersion {
  VersionDigest digest{};
  std::uint32_t copies = 0;
  std::uint32_t newest = 0;  // source, whatever its state
  std::uint32_t best = 0;    // source: intact rather than damaged, then the newest
  std::uint32_t last = 0;    // source that was read last: perhaps it is better than `best`
};
struct KnownRecord {
  std::vector<KnownVersion> versions;
  std::optional<std::uint32_t> in_database;  // version
};

// By one thread. Sources are read one after the other; number 0 is the database.
class VersionCensus {
 public:
  std::uint32_t begin_source(Time seen);
  void add(const IdentifiedRecord& record);  // of the source that was begun last
  void end_source(bool intact);

  const std::map<std::string, KnownRecord>& records() const { return records_; }
  // Afterwards `best` of every version is final.
  void settle();
  // Of a settled record: the version to take where the database has none.
  std::uint32_t best_version(const KnownRecord& record) const;
  bool is_better(std::uint32_t source, std::uint32_t than) const;
  const CensusSource& source(std::uint32_t number) const { return sources_[number]; }

 private:
  void settle(KnownVersion& version) const;

  std::vector<CensusSource> sources_;
  std::map<std::string, KnownRecord> records_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_VERSION_CENSUS_H_
