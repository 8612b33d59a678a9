#include "storage/crash_store.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::storage {

void CrashStore::stop_at(std::uint64_t number, Moment moment) {
  const std::scoped_lock lock(mutex_);
  stop_ = number;
  moment_ = moment;
}

void CrashStore::restart() {
  const std::scoped_lock lock(mutex_);
  stopped_ = false;
  stop_ = 0;
  operations_.clear();
}

std::uint64_t CrashStore::operation_count() const {
  const std::scoped_lock lock(mutex_);
  return operations_.size();
}

std::string CrashStore::description(std::uint64_t number) const {
  const std::scoped_lock lock(mutex_);
  if (number == 0 || number > operations_.size()) return fmt::format("{} (never reached)", number);
  return fmt::format("{} {}", number, operations_[number - 1]);
}

void CrashStore::put(std::string_view name, ByteView content, PutOptions options) {
  operate(Verb::kPut, name, [&] { base().put(name, content, options); });
}

Bytes CrashStore::get(std::string_view name) {
  refuse_when_stopped(Verb::kGet, name);
  return base().get(name);
}

void CrashStore::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  refuse_when_stopped(Verb::kGetRange, name);
  base().get_range(name, offset, out);
}

std::optional<ObjectStatus> CrashStore::stat(std::string_view name) {
  refuse_when_stopped(Verb::kStat, name);
  return base().stat(name);
}

void CrashStore::list(std::string_view prefix, const Visitor& visit) {
  refuse_when_stopped(Verb::kList, prefix);
  base().list(prefix, visit);
}

void CrashStore::remove(std::string_view name) {
  operate(Verb::kRemove, name, [&] { base().remove(name); });
}

template <typename Change>
void CrashStore::operate(Verb verb, std::string_view name, const Change& change) {
  bool ends_here = false;
  Moment moment = Moment::kBefore;
  {
    const std::scoped_lock lock(mutex_);
    refuse_when_stopped(verb, name);
    operations_.push_back(fmt::format("{} {}", verb_name(verb), name));
    ends_here = operations_.size() == stop_;
    moment = moment_;
    if (ends_here) stopped_ = true;
  }
  if (!ends_here) return change();
  try {
    if (moment == Moment::kAfter) change();
  } catch (const Error&) {
    // Nobody is left who could be told.
  }
  throw env::CrashError(fmt::format("at {} {}", verb_name(verb), name));
}

void CrashStore::refuse_when_stopped(Verb verb, std::string_view name) const {
  if (stopped_) {
    throw env::CrashError(fmt::format("after the crash: {} {}", verb_name(verb), name));
  }
}

}  // namespace holdfast::storage
