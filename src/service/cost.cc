#include "service/cost.h"

#include <algorithm>
#include <cmath>

namespace holdfast::service {
namespace {

constexpr double kDays = 30;
constexpr double kGigabyte = 1e9;
constexpr double kLeastDays = 2;
constexpr double kPackBytes = 16 << 20;

// Requests, as they were counted at a gateway.
constexpr double kWritesOfPack = 5;    // begun, three parts, put together
constexpr double kWritesOfBackup = 5;  // intent, last pack, index, snapshot, log
constexpr double kListsOfCommand = 4;  // and one more for each thousand packs
constexpr double kReadsOfCommand = 10;
constexpr double kBlobsOfIndexObject = 1 << 16;
constexpr double kListsOfReplicatedHour = 660;
constexpr double kBytesOfRead = 1.5e6;  // of pages, in restores and verifications

double days_between(const repository::Snapshot& first, const repository::Snapshot& last) {
  return std::chrono::duration<double, std::ratio<86'400>>(last.time - first.time).count();
}

}  // namespace

double backups_a_day(std::span<const repository::Snapshot> newest_first) {
  constexpr double kEveryHour = 24;
  if (newest_first.size() < 2) return kEveryHour;
  const double days = days_between(newest_first.back(), newest_first.front());
  if (days < kLeastDays) return kEveryHour;
  return static_cast<double>(newest_first.size() - 1) / days;
}

MonthlyUse monthly_use(const repository::RepositoryStatistics& statistics,
                       const Workload& workload) {
  const auto stored = static_cast<double>(statistics.stored_bytes);
  double growth = 0, newest = 0;
  for (const repository::DatabaseGrowth& database : statistics.databases) {
    growth += std::max(0.0, database.stored_bytes_a_day);
    newest += static_cast<double>(database.newest_bytes);
  }
  const double lists = kListsOfCommand + std::floor(static_cast<double>(statistics.packs) / 1000);
  const double reads =
      kReadsOfCommand + std::ceil(static_cast<double>(statistics.blobs) / kBlobsOfIndexObject);
  const double backups = workload.backups_a_day * kDays;
  const double replicated_hours = workload.replicated_hours_a_day * kDays;
  const double restored =
      newest / std::max(1.0, statistics.compression_ratio) * workload.restores_a_month;
  const double verified = stored * workload.read_data_a_month / 100;

  MonthlyUse use;
  use.stored_bytes = stored + growth * kDays / 2;
  use.downloaded_bytes = restored + verified;
  use.writes = backups * kWritesOfBackup + growth * kDays / kPackBytes * kWritesOfPack +
               replicated_hours * 3'600'000 / static_cast<double>(workload.ship_interval.count());
  use.lists =
      (backups + workload.restores_a_month) * lists + replicated_hours * kListsOfReplicatedHour;
  use.reads = (backups + workload.restores_a_month) * reads + use.downloaded_bytes / kBytesOfRead;
  return use;
}

MonthlyCost cost_of(const MonthlyUse& use, const Prices& prices) {
  const double downloaded =
      std::max(0.0, use.downloaded_bytes / kGigabyte - prices.free_download_gb);
  return {.storage = use.stored_bytes / kGigabyte * prices.storage_gb_month,
          .requests = (use.writes * prices.writes_1000 + use.lists * prices.lists_1000 +
                       use.reads * prices.reads_1000) /
                      1000,
          .download = downloaded * prices.download_gb};
}

}  // namespace holdfast::service
