// How often a store is asked, and for how much.
#ifndef HOLDFAST_STORAGE_COUNTING_STORE_H_
#define HOLDFAST_STORAGE_COUNTING_STORE_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "storage/store_decorator.h"

namespace holdfast::storage {

struct RequestCount {
  std::uint64_t requests = 0;  // also those that failed
  std::uint64_t bytes = 0;     // of content, in those that succeeded
};

// Thread safe.
class CountingStore : public StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;

  RequestCount count(Verb verb) const;
  RequestCount total() const;
  void reset();

  void put(std::string_view name, ByteView content, PutOptions options = {}) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  std::optional<ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  void remove(std::string_view name) override;
  void remove_many(std::span<const std::string> names) override;  // counts each name

 private:
  struct Counter {
    std::atomic<std::uint64_t> requests = 0, bytes = 0;
  };
  Counter& counter(Verb verb) { return counters_[static_cast<std::size_t>(verb)]; }

  std::array<Counter, kVerbCount> counters_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_COUNTING_STORE_H_
