// Bringing copies of records into the database of their collection: the rules that import and
// recovery share. docs/recovery.md is the reference.
#ifndef HOLDFAST_SERVICE_RECORD_MERGE_H_
#define HOLDFAST_SERVICE_RECORD_MERGE_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/legacy/record_identity.h"
#include "service/records.h"
#include "service/session.h"

namespace holdfast::service {

struct MergeCounts {
  std::uint64_t inserted = 0;        // with a dry run: that would be
  std::uint64_t replaced = 0;        // the database's version lost, as was asked for
  std::uint64_t equal = 0;           // the database has them just so
  std::uint64_t kept = 0;            // it has another version, which won
  std::uint64_t deleted = 0;         // deleted before, and stay so
  std::uint64_t excluded = 0;        // may never come back
  std::uint64_t refused = 0;         // break a constraint, or do not fit the collection
  std::vector<std::string> reasons;  // of the first that were refused
  std::string safety_snapshot;       // short id; empty: nothing was written, or there is nowhere
  std::string safety_copy;           // path; where there can be no snapshot

  void refuse(std::string reason);
};

// By one thread. Session and records must outlive it.
class RecordMerge {
 public:
  // Throws what keeps the database from being read.
  RecordMerge(Session& session, Records& records, const engine::Collection& collection,
              bool dry_run);

  const engine::RecordLayout& layout() const { return *layout_; }
  bool is_deleted(const std::string& id) const { return deleted_.contains(id); }
  // Whether the table has any row.
  bool has_data();
  // `replace`: over what the database has. Written in groups; of several of one id the first wins.
  void add(const engine::IdentifiedRecord& identified, engine::Record record, bool replace);
  // The rest is written. The exports follow, if anything was.
  MergeCounts finish();

 private:
  struct Waiting {
    engine::IdentifiedRecord identified;
    engine::Record record;
    bool replace = false;
  };

  void write_waiting();
  void prepare();
  void count(const engine::WriteAnswer& answer, const Waiting& waiting);

  Session& session_;
  Records& records_;
  const engine::Collection& collection_;
  const bool dry_run_;
  std::optional<engine::RecordLayout> layout_;
  std::set<std::string> deleted_;
  std::vector<std::pair<std::string, std::string>> exclusions_;
  std::vector<Waiting> waiting_;
  std::set<std::string> added_;  // ids, of what was inserted or replaced
  bool prepared_ = false;
  MergeCounts counts_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RECORD_MERGE_H_
