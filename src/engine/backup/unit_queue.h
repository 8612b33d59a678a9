// Hands out the units of a scan to its workers, in order.
#ifndef HOLDFAST_ENGINE_BACKUP_UNIT_QUEUE_H_
#define HOLDFAST_ENGINE_BACKUP_UNIT_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace holdfast::engine {

class UnitQueue {
 public:
  struct Stretch {
    std::uint64_t first = 0, end = 0;
  };

  // Before the workers begin. `longest` is the most that one takes at once.
  void restart(std::uint64_t units, unsigned workers, std::uint64_t longest) {
    units_ = units;
    workers_ = workers;
    longest_ = std::max<std::uint64_t>(1, longest);
    next_ = 0;
  }
  // Fewer towards the end, so that all workers end together; goes on behind the last unit, one by
  // one, for a database that grows meanwhile.
  Stretch take() {
    Stretch stretch{.first = next_};
    do {
      const std::uint64_t left = units_ - std::min(units_, stretch.first);
      stretch.end = stretch.first + std::clamp<std::uint64_t>(left / (2 * workers_), 1, longest_);
    } while (!next_.compare_exchange_weak(stretch.first, stretch.end));
    return stretch;
  }
  // No unit from here on was handed out.
  std::uint64_t next() const { return next_; }

 private:
  std::uint64_t units_ = 0, longest_ = 1;
  unsigned workers_ = 1;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_UNIT_QUEUE_H_
