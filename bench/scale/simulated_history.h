// The history of many databases: all alike, changed a little between their snapshots.
#ifndef HOLDFAST_BENCH_SCALE_SIMULATED_HISTORY_H_
#define HOLDFAST_BENCH_SCALE_SIMULATED_HISTORY_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "repository/page_map.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "repository/writer.h"
#include "scale/made_up_pages.h"
#include "scale/simulated_store.h"

namespace holdfast::scale {

struct Shape {
  std::uint64_t databases = 1000, snapshots = 10;  // of each
  std::uint64_t pages = 2'441'406;                 // of each: 10 GB
  // Between two snapshots so many leaves of the map change, in so many scattered pages each.
  std::uint64_t leaves_changed = 128, pages_in_each = 32;
  std::uint64_t seed = 1;

  std::uint64_t bytes() const { return databases * pages * kPageSize; }
};

// One database as it is now.
class SimulatedDatabase {
 public:
  SimulatedDatabase(const Shape& shape, std::uint64_t number);

  const std::string& name() const { return name_; }
  // Numbers of blobs that hold what is new, and which leaves are.
  struct Change {
    std::vector<std::uint64_t> blobs;
    std::vector<std::uint64_t> leaves;
  };
  Change first();
  Change next();
  // What a backup of it writes besides the blobs of pages.
  repository::Snapshot add_map(repository::Writer& writer, repository::BlobEncoder& encoder,
                               const MadeUpPages& pages, const Change& change, Time time);

 private:
  struct Slot {
    std::uint32_t blob = 0;  // within blobs_
    std::uint16_t slot = 0;
  };
  repository::MapLeaf leaf(std::uint64_t number) const;
  std::uint64_t new_blob();

  const Shape& shape_;
  std::uint64_t number_, blobs_made_ = 0, snapshots_made_ = 0;
  std::string name_;
  std::mt19937_64 random_;
  std::vector<Slot> slots_;    // of each page
  std::vector<BlobId> blobs_;  // ids
  std::vector<BlobId> leaves_;
  std::vector<std::uint64_t> unnamed_;  // numbers of blobs whose ids are not in blobs_ yet
};

struct History {
  std::vector<repository::Snapshot> snapshots;  // those of a database oldest first
  std::unique_ptr<SimulatedDatabase> last;      // which may go on
};
// Lays the history of all databases. Maps, index objects and snapshots are written by the
// repository itself, through one writer for a hundred databases; packs of pages are made up.
// `shape` must outlive it.
History lay_history(const repository::Repository& repository, SimulatedStore& store,
                    VirtualClock& clock, const MadeUpPages& pages, const Shape& shape);

}  // namespace holdfast::scale

#endif  // HOLDFAST_BENCH_SCALE_SIMULATED_HISTORY_H_
