// A user's configuration on scratch paths, with a sample of their databases: to try everything on
// without touching anything of theirs.
#ifndef HOLDFAST_SERVICE_SCRATCH_SITE_H_
#define HOLDFAST_SERVICE_SCRATCH_SITE_H_

#include <map>
#include <memory>
#include <set>
#include <string>

#include "engine/records/record_json.h"
#include "service/configuration.h"
#include "service/session.h"

namespace holdfast::service {

// Gone with everything in it when it ends. Databases have the schema of the user's, and the rows
// that their samples refer to; databases that are missing are made by the `create` statements of
// their collections.
class ScratchSite {
 public:
  // Only reads what is the user's. No database of a collection may be on a server. Throws what
  // opening them does, and what `progress` does when it is interrupted.
  ScratchSite(const Configuration& configuration, const World& world, Progress& progress);
  ~ScratchSite();
  ScratchSite(const ScratchSite&) = delete;
  ScratchSite& operator=(const ScratchSite&) = delete;

  const World& world() const { return world_; }
  const Configuration& configuration() const { return configuration_; }
  Session& session() { return *session_; }
  env::Path database_path(const std::string& database) const;
  env::Path folder() const { return folder_; }

  // A record of each collection, as one stands in the user's database or, where there is none, as
  // the columns ask for. None of them is in the scratch database.
  const std::map<std::string, engine::Record>& samples() const { return samples_; }
  bool is_made_up(const std::string& collection) const { return made_up_.contains(collection); }

 private:
  void copy_configuration(const Configuration& configuration);
  void copy_databases(const Configuration& configuration, const World& world);
  void take_samples();

  env::FileSystem& files_;
  env::Path folder_;
  World world_;
  Configuration configuration_;
  std::unique_ptr<PassphrasePrompt> prompt_;
  std::unique_ptr<Progress> silent_;
  std::unique_ptr<Session> session_;
  std::map<std::string, engine::Record> samples_;
  std::set<std::string> made_up_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SCRATCH_SITE_H_
