// An object store somewhere else: the memory store behind requests that take virtual time, beside
// packs of made-up pages that claim their size and hold nothing.
#ifndef HOLDFAST_BENCH_SCALE_SIMULATED_STORE_H_
#define HOLDFAST_BENCH_SCALE_SIMULATED_STORE_H_

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "scale/made_up_pages.h"
#include "scale/virtual_clock.h"
#include "storage/memory/memory_store.h"
#include "storage/store_decorator.h"

namespace holdfast::scale {

// A request takes `latency`, its content `1 / bandwidth` a byte. Requests that several connections
// make at once are charged one after the other at their share of the latency; the bandwidth is that
// of all connections together.
struct Network {
  std::chrono::microseconds latency{30'000};
  double bytes_a_second = 100e6;
  unsigned connections = 1;
};

inline constexpr std::size_t kListingPage = 1000;  // names that one request lists
inline constexpr std::size_t kRemovals = 1000;     // names that one request of remove_many() takes

struct Traffic {
  std::array<std::uint64_t, storage::kVerbCount> requests{};
  std::uint64_t bytes_up = 0, bytes_down = 0;
  Duration elapsed{0};
  Duration first_pack{0};  // when the first pack was put

  std::uint64_t total() const;
};

class SimulatedStore final : public storage::StoreDecorator {
 public:
  SimulatedStore(storage::MemoryStore& memory, VirtualClock& clock)
      : StoreDecorator(memory), capabilities_(memory.capabilities()), clock_(clock) {
    capabilities_.costly = true;
  }

  // Requests are free until then: what made the history is not measured.
  void connect(const Network& network);
  // Packs of made-up pages that are put from now on are not kept, only what is in them.
  void forget_content_of(const MadeUpPages& pages, const repository::MasterKeys& keys);
  void add_made_up(const PackId& id, std::vector<std::uint64_t> numbers, std::uint64_t size);
  Traffic take();  // since the last time

  void put(std::string_view name, ByteView content, storage::PutOptions options) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  std::optional<storage::ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  void remove(std::string_view name) override;
  void remove_many(std::span<const std::string> names) override;
  const storage::Capabilities& capabilities() const override { return capabilities_; }

 private:
  struct MadeUpPack {
    std::vector<std::uint64_t> numbers;
    std::uint64_t size = 0;
  };
  void charge(storage::Verb verb, std::uint64_t up, std::uint64_t down, std::uint64_t requests = 1);
  bool keep_as_made_up(std::string_view name, ByteView content);
  bool fill_made_up(std::string_view name, std::uint64_t offset, MutableByteView out);

  storage::Capabilities capabilities_;
  VirtualClock& clock_;
  std::mutex mutex_;  // guards what follows
  std::optional<Network> network_;
  Traffic traffic_;
  Duration begun_{0};
  std::map<std::string, MadeUpPack, std::less<>> made_up_;
  const MadeUpPages* pages_ = nullptr;
  const repository::MasterKeys* keys_ = nullptr;
};

}  // namespace holdfast::scale

#endif  // HOLDFAST_BENCH_SCALE_SIMULATED_STORE_H_
