// What keeps records safe, link by link, on a scratch site.
#ifndef HOLDFAST_SERVICE_SAFETY_CHAIN_H_
#define HOLDFAST_SERVICE_SAFETY_CHAIN_H_

#include <map>
#include <optional>
#include <string>

#include "repository/snapshot.h"
#include "service/sample_records.h"
#include "service/scratch_site.h"

namespace holdfast::service {

// Each test looks at the places of the user's own configuration first, begins with a site as it was
// at first, and answers what was shown. What is not as it should be, and what fails, is thrown. By
// one thread; everything must outlive it. `progress` only interrupts.
class SafetyChain {
 public:
  SafetyChain(Session& session, ScratchSite& site, Progress& progress)
      : session_(session), site_(site), progress_(progress), samples_(site, progress) {}

  // A save is stored, and the state before it is brought back: of a SQLite database from a
  // snapshot. On a server it is a collection's state, from the copy of it that is taken before
  // many records are changed at once.
  std::string safe_save();
  std::string save_with_export();
  std::string emergency_save();
  std::string recovery();  // from each kind of copy alone

 private:
  using Answers = SampleRecords::Answers;
  using Places = std::map<std::string, std::string>;  // files, by collection

  void begin();
  Answers save_all();
  void spool_all();
  Answers save_in_emergency();  // while the databases are away, and the spool as well
  void drain_and_expect(const Answers& answers);

  repository::Snapshot back_up_files();
  void restore_files(const repository::Snapshot& snapshot, bool safely);
  Places copy_collections();  // of servers, as it is done before an import or a restore
  void restore_collections(const Places& copies);
  void export_all();
  void move_databases(bool away);
  Progress& silent() { return site_.session().progress(); }

  struct Copy {
    std::string kind, place;  // as `recover` knows it
  };
  env::Path export_of(const std::string& collection) const;
  env::Path write_old_file(const std::string& collection, const engine::WriteAnswer& answer);
  env::Path old_files() const { return site_.folder() / "old"; }
  env::Path cut_file() const { return old_files() / "cut.json"; }
  void recover_one(const std::string& collection, const engine::WriteAnswer& answer,
                   const Copy& copy);
  void recover_spooled(const Answers& answers);
  void find_spooled(const std::string& collection);

  Session& session_;
  ScratchSite& site_;
  Progress& progress_;
  SampleRecords samples_;
  std::optional<repository::Snapshot> start_;
  bool begun_ = false, databases_away_ = false;
  std::size_t written_ = 0;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SAFETY_CHAIN_H_
