#include "service/capacity.h"

namespace holdfast::service {

CapacityForecast forecast(const repository::RepositoryStatistics& statistics,
                          std::uint64_t capacity) {
  CapacityForecast result;
  result.capacity = capacity;
  result.used = statistics.stored_bytes;
  result.free = capacity > result.used ? capacity - result.used : 0;
  if (capacity > 0)
    result.percent_used = 100.0 * static_cast<double>(result.used) / static_cast<double>(capacity);
  const auto free = static_cast<double>(result.free);
  std::uint64_t rows = 0;
  for (const repository::DatabaseGrowth& database : statistics.databases) {
    result.stored_bytes_a_day += database.stored_bytes_a_day;
    rows += database.rows;
  }
  if (result.stored_bytes_a_day > 0) result.days = free / result.stored_bytes_a_day;
  if (rows > 0 && result.used > 0) {
    result.bytes_a_record = static_cast<double>(result.used) / static_cast<double>(rows);
    result.records = static_cast<std::uint64_t>(free / *result.bytes_a_record);
  }
  return result;
}

}  // namespace holdfast::service
