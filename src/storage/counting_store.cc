#include "storage/counting_store.h"

namespace holdfast::storage {

RequestCount CountingStore::count(Verb verb) const {
  const Counter& counter = counters_[static_cast<std::size_t>(verb)];
  return {.requests = counter.requests, .bytes = counter.bytes};
}

RequestCount CountingStore::total() const {
  RequestCount sum;
  for (const Counter& counter : counters_) {
    sum.requests += counter.requests;
    sum.bytes += counter.bytes;
  }
  return sum;
}

void CountingStore::reset() {
  for (Counter& counter : counters_) {
    counter.requests = 0;
    counter.bytes = 0;
  }
}

void CountingStore::put(std::string_view name, ByteView content, PutOptions options) {
  ++counter(Verb::kPut).requests;
  base().put(name, content, options);
  counter(Verb::kPut).bytes += content.size();
}

Bytes CountingStore::get(std::string_view name) {
  ++counter(Verb::kGet).requests;
  Bytes content = base().get(name);
  counter(Verb::kGet).bytes += content.size();
  return content;
}

void CountingStore::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) {
  ++counter(Verb::kGetRange).requests;
  base().get_range(name, offset, out);
  counter(Verb::kGetRange).bytes += out.size();
}

std::optional<ObjectStatus> CountingStore::stat(std::string_view name) {
  ++counter(Verb::kStat).requests;
  return base().stat(name);
}

void CountingStore::list(std::string_view prefix, const Visitor& visit) {
  ++counter(Verb::kList).requests;
  base().list(prefix, visit);
}

void CountingStore::remove(std::string_view name) {
  ++counter(Verb::kRemove).requests;
  base().remove(name);
}

void CountingStore::remove_many(std::span<const std::string> names) {
  counter(Verb::kRemove).requests += names.size();
  base().remove_many(names);
}

}  // namespace holdfast::storage
