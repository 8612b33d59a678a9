// What goes on beside a server that takes records: the spool is drained, and exports follow writes.
#ifndef HOLDFAST_SERVICE_RECORD_UPKEEP_H_
#define HOLDFAST_SERVICE_RECORD_UPKEEP_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "service/records.h"

namespace holdfast::service {

struct UpkeepOptions {
  Duration drain_every = std::chrono::seconds(5);
  // Of a burst of writes so many are waited for; the export that follows shows them all. Together
  // with an export under way this keeps the lag below 2 s where an export takes less than 0.8 s.
  Duration gather = std::chrono::milliseconds(300);
};

struct DatabaseUpkeep {
  std::string database;
  engine::SpoolState spool;
  bool exports_due = false;            // writes that no export shows yet
  std::optional<Time> exported;        // when the exports were last made; empty: not yet
  std::vector<std::string> sentences;  // of the last exports: what failed, what was kept aside
  std::string away;                    // why the spool could not be drained; empty: it could
};

// Thread safe. Nothing here changes the answer to a write: what fails is said to `tell` and shown
// by state().
class RecordUpkeep {
 public:
  // `tell` is called by threads of this. What is given must outlive it.
  RecordUpkeep(const Configuration& configuration, const World& world, Records& records,
               std::function<void(std::string_view)> tell, UpkeepOptions options = {});
  // finish(), if that was not called.
  ~RecordUpkeep();

  // Something was stored or spooled for this database.
  void wrote(std::string_view database);
  std::vector<DatabaseUpkeep> state();
  // Returns when the exports show all that was written, or failed to, and the spool was tried once
  // more.
  void finish();

 private:
  struct Watched {
    bool due = false;
    std::optional<Time> exported;
    std::vector<std::string> sentences;
    std::string away;
  };

  void drain_by_and_by(const std::stop_token& stop);
  void drain();
  void export_by_and_by(const std::stop_token& stop);
  void export_due();

  const Configuration& configuration_;
  const World& world_;
  Records& records_;
  const std::function<void(std::string_view)> tell_;
  const UpkeepOptions options_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Watched, std::less<>> databases_;  // those of the collections
  std::jthread drainer_, exporter_;                        // last: they use the others
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_RECORD_UPKEEP_H_
