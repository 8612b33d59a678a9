// A store that fails as told, for tests. Each failure follows from the seed.
#ifndef HOLDFAST_STORAGE_FAULT_STORE_H_
#define HOLDFAST_STORAGE_FAULT_STORE_H_

#include <limits>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "storage/store_decorator.h"

namespace holdfast::storage {

struct Fault {
  enum class Kind {
    kFail,       // throws, and nothing has happened
    kFailAfter,  // put, remove: throws, but it has happened
    kTruncate,   // get: only the first half; get_range: throws kDamagedObject
    kFlipBit,    // get, get_range: one bit is wrong
    kStaleList,  // list: as it was when this fault was injected
  };
  Kind kind = Kind::kFail;
  std::optional<Verb> verb{};  // empty: every one that the kind is about
  std::string prefix{};        // only names (for list: prefixes) that begin with it
  std::uint64_t skip = 0;      // this many matching calls succeed first
  std::uint64_t times = std::numeric_limits<std::uint64_t>::max();  // then so many fail
  double probability = 1;                                           // each of them
  ErrorCode code = ErrorCode::kUnavailable;
};

// Thread safe; with several threads the calls that a probability meets differ from run to run.
class FaultStore : public StoreDecorator {
 public:
  FaultStore(Store& base, std::uint64_t seed) : StoreDecorator(base), random_(seed) {}

  void inject(Fault fault);
  void repair();                 // no faults from now on
  std::uint64_t faults() const;  // how many calls were spoilt

  void put(std::string_view name, ByteView content, PutOptions options = {}) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  std::optional<ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  void remove(std::string_view name) override;
  // Each removal by itself.
  void remove_many(std::span<const std::string> names) override { Store::remove_many(names); }

 private:
  using Listing = std::vector<std::pair<std::string, ObjectStatus>>;
  struct Armed {
    Fault fault;
    Listing listing;
  };
  // The fault that this call meets, if any.
  std::optional<Armed> meet(Verb verb, std::string_view name);
  void flip_bit(MutableByteView bytes);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::vector<Armed> armed_;
  std::uint64_t met_ = 0;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_FAULT_STORE_H_
