// The records of the configured collections, for commands and servers: each collection's database
// found, opened and written to by one RecordWriter.
#ifndef HOLDFAST_SERVICE_RECORDS_H_
#define HOLDFAST_SERVICE_RECORDS_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/records/record_writer.h"
#include "service/databases.h"

namespace holdfast::service {

// Where what waits for this database is kept: [records] spool, or below the state directory. Empty
// if neither is known.
env::Path spool_directory(const Configuration& configuration, const World& world,
                          std::string_view database);
// Where emergency copies go: [records] emergency, or "backups" beside the configuration.
env::Path emergency_directory(const Configuration& configuration, const World& world);

// Empty if nothing of the database waits and nothing of it was ever set aside.
std::optional<engine::SpoolState> spool_state(const Configuration& configuration,
                                              const World& world, std::string_view database);

// Thread safe. Configuration and world must outlive it.
class Records {
 public:
  Records(const Configuration& configuration, const World& world)
      : configuration_(configuration), world_(world) {}

  // Throws kCollectionUnknown, with what was probably meant.
  const engine::Collection& collection(std::string_view name) const;

  // As RecordWriter::write(), each write by its collection. Times are filled in where they are
  // empty. Throws kCollectionUnknown, and kConfiguration where a database cannot be told.
  std::vector<engine::WriteAnswer> write(std::vector<engine::Write> writes);
  // The same without waiting: see engine::SubmittedWrite and RecordWriter::submit().
  void submit(std::vector<engine::SubmittedWrite> writes, const engine::StepAside& step_aside = {});
  // Empty if there is none.
  std::optional<engine::Record> get(std::string_view collection, std::string_view record_id);
  engine::ListedRecords list(std::string_view collection, const engine::ListRequest& request);
  // Of all databases that have collections: how much was brought in.
  engine::DrainReport drain();
  engine::DrainReport drain(std::string_view database);

  engine::RecordWriter& writer(const engine::Collection& collection);

 private:
  const Configuration& configuration_;
  const World& world_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<engine::RecordWriter>> writers_;  // by database
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RECORDS_H_
