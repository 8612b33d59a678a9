// A store at whose Nth change the process ends, for crash tests.
#ifndef HOLDFAST_STORAGE_CRASH_STORE_H_
#define HOLDFAST_STORAGE_CRASH_STORE_H_

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "env/crash_file_system.h"
#include "storage/store_decorator.h"

namespace holdfast::storage {

// put() and remove() are numbered from 1. Thread safe.
class CrashStore : public StoreDecorator {
 public:
  enum class Moment { kBefore, kAfter };  // the change has taken effect: not yet, or already

  using StoreDecorator::StoreDecorator;

  // Change `number` and every later call, also a reading one, throw env::CrashError.
  void stop_at(std::uint64_t number, Moment moment = Moment::kBefore);
  bool stopped() const { return stopped_; }
  void restart();  // counts from 1 again and stops nowhere

  std::uint64_t operation_count() const;
  std::string description(std::uint64_t number) const;  // "3 put packs/ab"

  void put(std::string_view name, ByteView content, PutOptions options = {}) override;
  Bytes get(std::string_view name) override;
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override;
  std::optional<ObjectStatus> stat(std::string_view name) override;
  void list(std::string_view prefix, const Visitor& visit) override;
  void remove(std::string_view name) override;
  // Each removal by itself.
  void remove_many(std::span<const std::string> names) override { Store::remove_many(names); }

 private:
  template <typename Change>
  void operate(Verb verb, std::string_view name, const Change& change);
  void refuse_when_stopped(Verb verb, std::string_view name) const;

  mutable std::mutex mutex_;
  std::atomic<bool> stopped_ = false;
  std::uint64_t stop_ = 0;
  Moment moment_ = Moment::kBefore;
  std::vector<std::string> operations_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_CRASH_STORE_H_
