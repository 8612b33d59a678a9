// `holdfast restore --file` of records: a collection made what a file holds of it.
#ifndef HOLDFAST_SERVICE_RECORD_RESTORE_H_
#define HOLDFAST_SERVICE_RECORD_RESTORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/legacy/record_identity.h"
#include "engine/legacy/record_visitor.h"
#include "service/records.h"
#include "service/safety_copy.h"
#include "service/session.h"

namespace holdfast::service {

struct RecordRestoreJob {
  env::Path file;          // absolute
  std::string collection;  // empty: the only one
  bool force = false;      // in production, too
  bool safety_copy = true;
};

struct RecordRestoreCounts {
  std::uint64_t inserted = 0, replaced = 0;
  std::uint64_t equal = 0;             // the database has them just so
  std::uint64_t removed = 0;           // that the file does not have
  std::uint64_t children_removed = 0;  // rows that belonged to those; known when it is done
  std::uint64_t deleted = 0;           // deleted before, and stay so
  std::uint64_t excluded = 0;          // may never come back; known when it is done
};

// By one thread. Memory grows with ids and digests, not with contents.
class RecordRestore {
 public:
  // Reads all of the file, and compares it with the database. Nothing is written. Throws
  // kVerificationFailed unless every record of the file can be read and fits the collection, and
  // there is one; kImportRefused in production over data; kCollectionUnknown, kUsage, and what
  // keeps the database or the file from being read.
  RecordRestore(Session& session, const RecordRestoreJob& job);

  const engine::Collection& collection() const { return collection_; }
  const engine::CopyReport& report() const { return report_; }
  const RecordRestoreCounts& planned() const { return counts_; }

  struct Outcome {
    RecordRestoreCounts counts;
    SafetyCopy safety;
    std::string undo;  // a command; empty if nothing was there, or nothing was kept
  };
  // After a safety copy, in one transaction: all of it, or nothing. What is in the spool reaches
  // the database first, the exports follow. Throws kRecordRejected for a record that breaks a
  // constraint, kDatabaseChanged if others go on writing to these records or to the file.
  Outcome run();

 private:
  struct InFile {
    engine::VersionDigest version{};
    bool equal = false;    // to what the database has
    bool deleted = false;  // before, and stays so
    std::string tag;       // of what it replaces; empty: there is none
  };

  void plan();
  engine::CopyReport read(const engine::RecordVisitor& visit);
  engine::Write write_for(engine::WriteKind kind, const std::string& id,
                          const std::string& tag) const;
  bool replace(RecordRestoreCounts& counts);
  void put_all(const std::function<void(const engine::Write&)>& put);
  std::string undo_command(const SafetyCopy& safety) const;

  Session& session_;
  const RecordRestoreJob job_;
  Records records_;
  const engine::Collection& collection_;
  std::optional<engine::RecordLayout> layout_;
  std::set<std::string> deleted_;
  std::unordered_map<std::string, InFile> in_file_;
  std::vector<engine::Write> removals_;
  engine::CopyReport report_;
  RecordRestoreCounts counts_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RECORD_RESTORE_H_
