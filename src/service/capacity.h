// How much more fits (M11).
#ifndef HOLDFAST_SERVICE_CAPACITY_H_
#define HOLDFAST_SERVICE_CAPACITY_H_

#include <cstdint>
#include <optional>

#include "repository/statistics.h"

namespace holdfast::service {

struct CapacityForecast {
  std::uint64_t capacity = 0, used = 0, free = 0;
  double percent_used = 0;
  double stored_bytes_a_day = 0;
  std::optional<double> days;  // until it is full at this rate; empty while it does not grow
  // What one more row of the databases is expected to take in the repository: its share of what
  // they take now.
  std::optional<double> bytes_a_record;
  std::optional<std::uint64_t> records;
};

CapacityForecast forecast(const repository::RepositoryStatistics& statistics,
                          std::uint64_t capacity);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_CAPACITY_H_
