#ifndef HOLDFAST_REPOSITORY_STATISTICS_H_
#define HOLDFAST_REPOSITORY_STATISTICS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

struct DatabaseGrowth {
  std::string name;
  std::uint64_t snapshots = 0;
  std::uint64_t newest_bytes = 0, rows = 0;
  double bytes_a_day =
      0;  // of the database, by least squares over its snapshots; 0 with fewer than 2 days
  double stored_bytes_a_day = 0;  // of the repository
};

struct RepositoryStatistics {
  std::uint64_t snapshots = 0, packs = 0, blobs = 0;
  std::uint64_t stored_bytes = 0;      // all objects of the repository
  std::uint64_t unique_bytes = 0;      // what the blobs hold, uncompressed
  std::uint64_t restorable_bytes = 0;  // sum of all databases of all snapshots
  double compression_ratio = 0;        // unique_bytes / their stored size
  double deduplication_ratio = 0;      // restorable_bytes / unique_bytes
  std::vector<DatabaseGrowth> databases;
};

RepositoryStatistics gather_statistics(const Repository& repository,
                                       std::span<const Snapshot> newest_first);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_STATISTICS_H_
