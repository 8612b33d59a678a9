// `holdfast restore --file` of databases: put in place from a SQLite file, a dump or an archive.
#ifndef HOLDFAST_SERVICE_FILE_RESTORE_H_
#define HOLDFAST_SERVICE_FILE_RESTORE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/legacy/held_databases.h"
#include "engine/scratch_directory.h"
#include "service/restore_job.h"

namespace holdfast::service {

struct FileRestoreJob {
  env::Path file;                      // absolute
  std::vector<std::string> databases;  // names; empty: all that the file holds
  std::string to;                      // as for plan_restore()
  bool force = false;                  // in production, too
};

// By one thread. What was unpacked is gone with it.
class FileRestore {
 public:
  // Unpacks the file, checks all that is to be restored, and plans where it goes. Nothing is
  // written but in the scratch folder. A database of the file is the one that the archive's
  // metadata names; else that is called as its file, or configured to be in a file of that name;
  // else, if the file holds one alone, the one that is said, or the only one that is configured.
  // Throws kVerificationFailed for what is damaged, kDatabaseUnknown, kUnsupported for a database
  // on a server, kImportRefused in production over data, kUsage.
  FileRestore(Session& session, const FileRestoreJob& job);

  engine::FileKind kind() const { return kind_; }
  const std::vector<RestoreTarget>& targets() const { return targets_; }
  // The database that goes to the target of this number.
  const engine::HeldDatabase& source(std::size_t number) const { return chosen_[number]; }
  std::uint64_t bytes(std::size_t number) const;

  // One after the other, as restore().
  std::vector<engine::RestoreResult> run(const RestoreChoices& choices);

 private:
  std::string name_of(const engine::HeldDatabase& one, bool alone) const;
  void choose(const engine::HeldDatabases& held);
  void check();
  void plan();

  Session& session_;
  const FileRestoreJob job_;
  engine::ScratchDirectory scratch_;
  engine::FileKind kind_;
  std::vector<engine::HeldDatabase> chosen_;
  std::vector<std::string> names_;  // of `chosen_`
  std::vector<RestoreTarget> targets_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_FILE_RESTORE_H_
