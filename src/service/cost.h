// What a repository costs a month in a store that is paid by the request.
#ifndef HOLDFAST_SERVICE_COST_H_
#define HOLDFAST_SERVICE_COST_H_

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "env/file_system.h"
#include "repository/statistics.h"
#include "service/environment.h"

namespace holdfast::service {

// Of one service, in its currency. A GB is 10^9 bytes.
struct Prices {
  std::string name, currency, as_of;
  double storage_gb_month = 0;
  double writes_1000 = 0;  // PUT, POST
  double lists_1000 = 0;
  double reads_1000 = 0;  // GET, HEAD
  double download_gb = 0;
  double free_download_gb = 0;  // a month
};

// A file of prices, to begin with.
std::string_view built_in_prices();
// Throws kConfiguration with file, line and what was probably meant.
std::vector<Prices> parse_prices(std::string_view text, const env::Path& file,
                                 const Variables& variables);

struct Workload {
  double backups_a_day = 0;
  double replicated_hours_a_day = 0;  // in which something is committed
  std::chrono::milliseconds ship_interval{400};
  double restores_a_month = 1;
  double read_data_a_month = 100;  // percent of all packs, by verify --read-data
};
// As often as these snapshots (newest first) were made; every hour if there are too few to tell.
double backups_a_day(std::span<const repository::Snapshot> newest_first);

// A month has 30 days.
struct MonthlyUse {
  double stored_bytes = 0;                  // in the middle of the first month
  double writes = 0, lists = 0, reads = 0;  // requests
  double downloaded_bytes = 0;
};
// What each command asks of a store was counted (docs/s3.md, "What it costs").
MonthlyUse monthly_use(const repository::RepositoryStatistics& statistics,
                       const Workload& workload);

struct MonthlyCost {
  double storage = 0, requests = 0, download = 0;
  double total() const { return storage + requests + download; }
};
MonthlyCost cost_of(const MonthlyUse& use, const Prices& prices);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_COST_H_
