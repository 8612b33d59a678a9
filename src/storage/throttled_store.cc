#include "storage/throttled_store.h"

#include <algorithm>

namespace holdfast::storage {

TransferBudget::TransferBudget(double bytes_a_second, env::Clock& clock)
    : rate_(bytes_a_second), clock_(clock), saved_(bytes_a_second), counted_(clock.elapsed()) {}

Duration TransferBudget::take(std::uint64_t bytes) {
  if (rate_ <= 0) return Duration{0};
  const std::lock_guard lock(mutex_);
  const Duration now = clock_.elapsed();
  const double seconds = std::chrono::duration<double>(now - counted_).count();
  counted_ = now;
  saved_ = std::min(rate_, saved_ + seconds * rate_) - static_cast<double>(bytes);
  if (saved_ >= 0) return Duration{0};
  return std::chrono::ceil<Duration>(std::chrono::duration<double>(-saved_ / rate_));
}

ThrottledStore::ThrottledStore(Store& base, TransferLimits limits, env::Clock& clock)
    : StoreDecorator(base),
      clock_(clock),
      up_(limits.upload, clock),
      down_(limits.download, clock) {}

void ThrottledStore::pay(TransferBudget& budget, std::uint64_t bytes) {
  const Duration owed = budget.take(bytes);
  if (owed > Duration{0} && bytes > kSmall) clock_.wait(owed, given_up_.get_token());
}

void ThrottledStore::give_up() {
  base().give_up();
  given_up_.request_stop();
}

void ThrottledStore::put(std::string_view name, ByteView content, PutOptions options) {
  pay(up_, content.size());
  base().put(name, content, options);
}

Bytes ThrottledStore::get(std::string_view name) {
  Bytes content = base().get(name);
  pay(down_, content.size());
  return content;
}

void ThrottledStore::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  pay(down_, out.size());
  base().get_range(name, offset, out);
}

}  // namespace holdfast::storage
