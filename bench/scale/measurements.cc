#include "scale/measurements.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <utility>

#include "base/parallel.h"
#include "base/progress.h"
#include "engine/restore/page_plan.h"
#include "repository/blob_reader.h"
#include "scale/memory_count.h"

namespace holdfast::scale {
namespace {

constexpr codec::PassphraseCost kFastCost{.memory_bytes = 8u << 20, .passes = 1};
constexpr unsigned kRestoreConnections = 6;  // as a restore has where requests are costly

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

struct Simulation::World {
  VirtualClock clock{parse_rfc3339("2026-11-21T03:24:15Z").value()};
  storage::MemoryStore memory{clock};
  SimulatedStore store{memory, clock};
  repository::Repository repository =
      repository::Repository::create(store, clock, std::nullopt, "simulation", kFastCost)
          .repository;
  MadeUpPages pages{repository.keys()};
  std::unique_ptr<SimulatedDatabase> last;
};

Simulation::Simulation(const Shape& shape, const Network& network)
    : shape_(shape), network_(network), world_(std::make_unique<World>()) {
  World& world = *world_;
  world.store.forget_content_of(world.pages, world.repository.keys());
  History history = lay_history(world.repository, world.store, world.clock, world.pages, shape_);
  snapshots_ = std::move(history.snapshots);
  world.last = std::move(history.last);
  count();
}

Simulation::~Simulation() = default;

void Simulation::count() {
  const repository::LoadedIndex loaded = repository::load_index(world_->repository);
  blobs_ = loaded.index.blob_count();
  packs_ = loaded.index.packs().size();
  stored_bytes_ = 0;
  world_->store.list("", [&](std::string_view, const storage::ObjectStatus& status) {
    stored_bytes_ += status.size;
  });
}

// `work` answers what is still held when memory is counted.
template <typename Work>
Measured Simulation::measure(std::string name, unsigned connections, const Work& work) {
  World& world = *world_;
  Network network = network_;
  network.connections = connections;
  world.store.connect(network);
  world.store.take();
  Measured measured;
  measured.work = std::move(name);
  const std::int64_t before = memory_now();
  const double begun = processor_seconds();
  begin_memory_peak();
  {
    // A process of its own: nothing is remembered.
    const auto repository = repository::Repository::open(world.store, world.clock, std::nullopt);
    [[maybe_unused]] const auto held = work(repository);
    measured.kept_bytes = memory_now() - before;
  }
  measured.peak_bytes = memory_peak() - before;
  measured.seconds = processor_seconds() - begun;
  measured.traffic = world.store.take();
  return measured;
}

Measured Simulation::load_index() {
  return measure("load the index", 1, [](const repository::Repository& repository) {
    return std::make_unique<repository::LoadedIndex>(repository::load_index(repository));
  });
}

Measured Simulation::back_up() {
  const MadeUpPages& pages = world_->pages;
  const Time time = world_->clock.now();
  SimulatedDatabase& database = *world_->last;
  const SimulatedDatabase::Change change = database.next();
  return measure("back up one database", 1, [&](const repository::Repository& repository) {
    repository::Writer writer(repository);
    repository::BlobEncoder encoder(repository.keys(), codec::kDefaultCompressionLevel);
    for (const std::uint64_t number : change.blobs) {
      writer.add_pages(encoder, pages.id(number), pages.content(number), pages.digests(number));
    }
    snapshots_.push_back(database.add_map(writer, encoder, pages, change, time));
    writer.commit(snapshots_.back());
    return 0;
  });
}

Measured Simulation::restore() {
  const repository::Snapshot& snapshot = snapshots_[shape_.snapshots - 1];
  return measure(
      "restore one database", kRestoreConnections, [&](const repository::Repository& repository) {
        const repository::LoadedIndex loaded = repository::load_index(repository);
        const repository::BlobReader reader(repository, loaded.index);
        const codec::PageHasher hasher(repository.keys().pages);
        const repository::DatabaseState& state = snapshot.databases.front();
        const engine::PagePlan plan(reader, state, state.page_count, {}, hasher, thread_count(0));
        const std::vector<BlobId> ids = plan.ids();
        const repository::BlobGroups groups = reader.groups_of(ids);
        std::atomic<std::size_t> next{0};
        run_parallel(kRestoreConnections, [&](const std::atomic<bool>& stop) {
          repository::BlobDecoder decoder(repository.keys());
          Bytes buffer;
          std::vector<codec::PageDigest> digests;
          for (std::size_t i = next++; i < groups.size() && !stop; i = next++) {
            std::vector<BlobId> group;
            for (const std::uint32_t blob : groups[i]) group.push_back(ids[blob]);
            reader.read_group(group, decoder, buffer, [&](std::size_t blob, ByteView pages) {
              engine::prove_pages(reader, group[blob], pages, kPageSize, hasher, digests);
            });
          }
        });
        return 0;
      });
}

Measured Simulation::forget(std::uint64_t oldest) {
  return measure("forget", 1, [&](const repository::Repository& repository) {
    std::vector<repository::Snapshot> left;
    for (std::size_t i = 0; i < snapshots_.size(); ++i) {
      if (i < shape_.databases * shape_.snapshots && i % shape_.snapshots < oldest) {
        remove_snapshot(repository, snapshots_[i]);
      } else {
        left.push_back(std::move(snapshots_[i]));
      }
    }
    snapshots_ = std::move(left);
    shape_.snapshots -= oldest;
    return 0;
  });
}

Measured Simulation::prune() {
  Measured measured = measure("prune", 1, [&](const repository::Repository& repository) {
    pruned_ = repository::prune(repository, {}, no_progress());
    return 0;
  });
  count();
  return measured;
}

}  // namespace holdfast::scale
