// What it takes to work with a large repository.
#ifndef HOLDFAST_BENCH_SCALE_MEASUREMENTS_H_
#define HOLDFAST_BENCH_SCALE_MEASUREMENTS_H_

#include <memory>
#include <string>
#include <vector>

#include "repository/prune.h"
#include "scale/simulated_history.h"

namespace holdfast::scale {

// One piece of work.
struct Measured {
  std::string work;
  Traffic traffic;              // requests, bytes, and virtual time
  double seconds = 0;           // that the processors took, beside the virtual time
  std::int64_t peak_bytes = 0;  // of memory, above what was held before
  std::int64_t kept_bytes = 0;  // of memory, at the end of the work
};

class Simulation {
 public:
  // Lays the history, which is not measured.
  Simulation(const Shape& shape, const Network& network);
  ~Simulation();

  // An empty process loads the index; `kept_bytes` is what it then holds.
  Measured load_index();
  // One database after a day's changes; traffic.first_pack is the time to the first byte.
  Measured back_up();
  // One database: what is to be read and where it goes is planned, everything is read and proved,
  // nothing is written.
  Measured restore();
  // The oldest snapshots of each database are removed, so many of it.
  Measured forget(std::uint64_t oldest);
  Measured prune();

  std::uint64_t blobs() const { return blobs_; }
  std::uint64_t packs() const { return packs_; }
  std::uint64_t stored_bytes() const { return stored_bytes_; }
  const repository::PruneResult& pruned() const { return pruned_; }

 private:
  struct World;
  template <typename Work>
  Measured measure(std::string name, unsigned connections, const Work& work);
  void count();

  Shape shape_;
  Network network_;
  std::unique_ptr<World> world_;
  std::vector<repository::Snapshot> snapshots_;
  std::uint64_t blobs_ = 0, packs_ = 0, stored_bytes_ = 0;
  repository::PruneResult pruned_;
};

}  // namespace holdfast::scale

#endif  // HOLDFAST_BENCH_SCALE_MEASUREMENTS_H_
