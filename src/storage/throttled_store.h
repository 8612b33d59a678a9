// A store that is sent and asked for no more bytes a second than is allowed.
#ifndef HOLDFAST_STORAGE_THROTTLED_STORE_H_
#define HOLDFAST_STORAGE_THROTTLED_STORE_H_

#include <cstdint>
#include <mutex>
#include <stop_token>

#include "env/clock.h"
#include "storage/store_decorator.h"

namespace holdfast::storage {

inline constexpr double kMostMegabytesASecond = 1e6;  // more is no limit, but a mistake

// Bytes a second; 0 is no limit.
struct TransferLimits {
  double upload = 0, download = 0;
  bool any() const { return upload > 0 || download > 0; }
};

// Bytes that may be moved: they come in at a steady rate, and at most a second's worth is saved up.
// Thread safe.
class TransferBudget {
 public:
  TransferBudget(double bytes_a_second, env::Clock& clock);
  // Takes them, and answers how long to wait until they have come in. Who does not wait leaves that
  // to the next one.
  Duration take(std::uint64_t bytes);

 private:
  const double rate_;
  env::Clock& clock_;
  std::mutex mutex_;
  double saved_;  // below zero: owed
  Duration counted_;
};

// Thread safe. An object is moved at full speed and paid for by a wait: before it where its size is
// known before, so that the limit holds over any time in which a few objects are moved. What is
// small does not wait, only what comes after it: heartbeats and commits must not be late behind
// packs.
class ThrottledStore : public StoreDecorator {
 public:
  static constexpr std::size_t kSmall = 64u << 10;

  ThrottledStore(Store& base, TransferLimits limits, env::Clock& clock);

  void put(std::string_view name, ByteView content, PutOptions options = {}) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  void give_up() override;

 private:
  void pay(TransferBudget& budget, std::uint64_t bytes);

  env::Clock& clock_;
  TransferBudget up_, down_;
  std::stop_source given_up_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_THROTTLED_STORE_H_
