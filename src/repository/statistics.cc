#include "repository/statistics.h"

#include <map>

#include "repository/index.h"

namespace holdfast::repository {
namespace {

constexpr double kSecondsADay = 86400;
constexpr double kLeastDays = 2;

double day_number(Time time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count() / kSecondsADay;
}

// Slope of the least-squares line through the points, or 0 where they lie too close together to
// tell.
double slope(const std::vector<std::pair<double, double>>& points) {
  if (points.size() < 2) return 0;
  double mean_x = 0, mean_y = 0;
  for (const auto& [x, y] : points) {
    mean_x += x;
    mean_y += y;
  }
  mean_x /= static_cast<double>(points.size());
  mean_y /= static_cast<double>(points.size());
  double covariance = 0, variance = 0, least = points.front().first, most = least;
  for (const auto& [x, y] : points) {
    covariance += (x - mean_x) * (y - mean_y);
    variance += (x - mean_x) * (x - mean_x);
    least = std::min(least, x);
    most = std::max(most, x);
  }
  return most - least < kLeastDays ? 0 : covariance / variance;
}

struct History {
  DatabaseGrowth growth;
  std::vector<std::pair<double, double>> bytes, stored;
};

}  // namespace

RepositoryStatistics gather_statistics(const Repository& repository,
                                       std::span<const Snapshot> newest_first) {
  RepositoryStatistics statistics;
  statistics.snapshots = newest_first.size();
  const LoadedIndex loaded = load_index(repository);
  std::uint64_t blob_bytes = 0;
  for (const PackDescription& pack : loaded.index.packs()) {
    ++statistics.packs;
    statistics.blobs += pack.entries.size();
    for (const BlobEntry& entry : pack.entries) {
      statistics.unique_bytes += entry.raw_size;
      blob_bytes += entry.stored_size;
    }
  }
  repository.store().list("", [&](std::string_view, const storage::ObjectStatus& status) {
    statistics.stored_bytes += status.size;
  });

  std::map<std::string, History> histories;
  for (const Snapshot& snapshot : newest_first) {
    for (const DatabaseState& state : snapshot.databases) {
      statistics.restorable_bytes += state.bytes();
      History& history = histories[state.name];
      if (history.growth.snapshots++ == 0) {
        history.growth.name = state.name;
        history.growth.newest_bytes = state.bytes();
        for (const TableCount& table : state.tables) history.growth.rows += table.rows.value_or(0);
      }
      history.bytes.emplace_back(day_number(snapshot.time), static_cast<double>(state.bytes()));
      history.stored.emplace_back(day_number(snapshot.time),
                                  static_cast<double>(state.bytes_stored));
    }
  }
  for (auto& [name, history] : histories) {
    // The first backup of a database stores all of it; growth is what the ones after it added.
    double running = 0;
    for (auto point = history.stored.rbegin(); point != history.stored.rend(); ++point) {
      running += point == history.stored.rbegin() ? 0 : point->second;
      point->second = running;
    }
    history.growth.bytes_a_day = slope(history.bytes);
    history.growth.stored_bytes_a_day = slope(history.stored);
    statistics.databases.push_back(history.growth);
  }
  const auto ratio = [](std::uint64_t a, std::uint64_t b) {
    return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
  };
  statistics.compression_ratio = ratio(statistics.unique_bytes, blob_bytes);
  statistics.deduplication_ratio = ratio(statistics.restorable_bytes, statistics.unique_bytes);
  return statistics;
}

}  // namespace holdfast::repository
