// `holdfast recover`: every copy of a collection's records that exists anywhere, compared, and what
// is missing brought back. docs/recovery.md has the rules.
#ifndef HOLDFAST_SERVICE_RECOVERY_H_
#define HOLDFAST_SERVICE_RECOVERY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/legacy/version_census.h"
#include "service/record_merge.h"
#include "service/recovery_sources.h"

namespace holdfast::service {

struct ScannedSource {
  RecoverySource source;
  engine::CopyReport report;
  std::uint64_t unfit = 0;   // records that are none of this collection
  std::string unfit_reason;  // of the first of them
};

struct MergeChoice {
  bool newest = false;  // a copy newer than the database's last change wins over what that has
  std::map<std::string, std::string> picks;  // id -> a source: its number or place
};

struct ScanCounts {
  std::uint64_t records = 0, in_database = 0, missing = 0, deleted = 0, differing = 0;
};

// By one thread. Memory grows with ids and digests of versions, not with contents.
class Recovery {
 public:
  // A database that cannot be read is a damaged source: a snapshot then tells what its table looks
  // like. Throws kCollectionUnknown, kNotFound for a path that is not there, and what keeps the
  // database from being read where there is no snapshot either.
  Recovery(Session& session, const std::string& collection, const std::vector<env::Path>& paths);

  // Reads everything. Sources that are damaged are reported, never thrown.
  void scan();
  const engine::Collection& collection() const { return collection_; }
  const std::vector<ScannedSource>& sources() const { return sources_; }
  const engine::VersionCensus& census() const { return census_; }
  bool is_deleted(const std::string& id) const { return merge_ && merge_->is_deleted(id); }
  ScanCounts counts() const;
  bool is_all_intact() const;

  // After a scan. Reads again what is to be brought back, and only that. Throws kUsage for a pick
  // that nobody has.
  MergeCounts merge(const MergeChoice& choice, bool dry_run);
  // Visits the union: of each record the database's version, else the best. Nothing is written.
  void load_all(const std::function<void(const std::string& id, engine::Record&&)>& visit);

 private:
  struct Wanted {
    engine::VersionDigest version{};
    bool replace = false;
  };
  using Plan = std::map<std::uint32_t, std::unordered_map<std::string, Wanted>>;  // by source

  Plan plan(const MergeChoice& choice) const;
  void pick(const std::string& id, const std::string& place, Plan& plan) const;
  void read_planned(Plan& plan, const std::function<void(const engine::IdentifiedRecord&,
                                                         engine::Record&&, bool replace)>& take);

  Session& session_;
  Records records_;
  const engine::Collection& collection_;
  std::optional<RecordMerge> merge_;  // knows the table and what was deleted; empty: the database
                                      // cannot be read
  std::optional<engine::RecordLayout> layout_;  // of it, else of the newest snapshot
  std::vector<ScannedSource> sources_;
  engine::VersionCensus census_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RECOVERY_H_
