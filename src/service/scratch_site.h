// A user's configuration on scratch paths, with a sample of their databases: to try everything on
// without touching anything of theirs.
#ifndef HOLDFAST_SERVICE_SCRATCH_SITE_H_
#define HOLDFAST_SERVICE_SCRATCH_SITE_H_

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/row_session.h"
#include "engine/records/record_json.h"
#include "postgres/scratch_schema.h"
#include "service/configuration.h"
#include "service/session.h"

namespace holdfast::service {

// Gone with everything in it when it ends. Databases have the schema of the user's, and the rows
// that their samples refer to; what is missing is made by the `create` statements of collections. A
// PostgreSQL database is a schema of its own in the user's (see postgres/scratch_schema.h).
class ScratchSite {
 public:
  // Only reads what is the user's. Throws what opening it does, and what `progress` does when it is
  // interrupted.
  ScratchSite(const Configuration& configuration, const World& world, Progress& progress);
  ~ScratchSite();
  ScratchSite(const ScratchSite&) = delete;
  ScratchSite& operator=(const ScratchSite&) = delete;

  const World& world() const { return world_; }
  const Configuration& configuration() const { return configuration_; }
  Session& session() { return *session_; }
  env::Path folder() const { return folder_; }

  // Of those that have collections: SQLite files, and schemas on PostgreSQL servers.
  const std::vector<std::string>& files() const { return file_databases_; }
  env::Path database_path(const std::string& database) const;
  bool is_on_server(const engine::Collection& collection) const {
    return schemas_.contains(collection.database);
  }
  bool has_servers() const { return !schemas_.empty(); }
  // Back to how they were at first.
  void reset_schemas();
  // Every database out of reach, and back.
  void move_databases(bool away);

  // A record of each collection, as one stands in the user's database or, where there is none, as
  // the columns ask for. None of them is in the scratch database.
  const std::map<std::string, engine::Record>& samples() const { return samples_; }
  bool is_made_up(const std::string& collection) const { return made_up_.contains(collection); }

 private:
  void copy_configuration(const Configuration& configuration);
  void copy_databases(const Configuration& configuration, const World& world);
  void copy_file(const DatabaseConfiguration& database, const env::Path& source,
                 const std::vector<std::string>& tables, std::chrono::milliseconds patience);
  void copy_schema(DatabaseConfiguration& database, const std::string& url);
  void take_samples();
  void make_up(const engine::Collection& collection);
  void take_out(const engine::Collection& collection, const RowKey& key);  // of a file
  std::unique_ptr<RowSession> open(const std::string& database) const;

  env::FileSystem& files_;
  env::Path folder_;
  Progress& progress_;
  World world_;
  // What the configuration's sources name: the addresses of the schemas.
  std::shared_ptr<std::map<std::string, std::string, std::less<>>> addresses_;
  Configuration configuration_;
  std::unique_ptr<PassphrasePrompt> prompt_;
  std::unique_ptr<Progress> silent_;
  std::map<std::string, std::unique_ptr<postgres::ScratchSchema>> schemas_;  // by database
  std::vector<std::string> file_databases_;
  std::unique_ptr<Session> session_;
  std::map<std::string, engine::Record> samples_;
  std::set<std::string> made_up_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_SCRATCH_SITE_H_
