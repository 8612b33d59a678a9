// A store that passes everything on to another: the base of those that count, fail, retry or delay.
#ifndef HOLDFAST_STORAGE_STORE_DECORATOR_H_
#define HOLDFAST_STORAGE_STORE_DECORATOR_H_

#include <cstddef>

#include "storage/store.h"

namespace holdfast::storage {

enum class Verb { kPut, kGet, kGetRange, kStat, kList, kRemove };
inline constexpr std::size_t kVerbCount = 6;
constexpr std::string_view verb_name(Verb verb) {
  constexpr std::string_view kNames[] = {"put", "get", "get_range", "stat", "list", "remove"};
  return kNames[static_cast<std::size_t>(verb)];
}

class StoreDecorator : public Store {
 public:
  // `base` must outlive this.
  explicit StoreDecorator(Store& base) : base_(base) {}

  void put(std::string_view name, ByteView content, PutOptions options = {}) override {
    base_.put(name, content, options);
  }
  Bytes get(std::string_view name) override { return base_.get(name); }
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    base_.get_range(name, offset, out);
  }
  std::optional<ObjectStatus> stat(std::string_view name) override { return base_.stat(name); }
  void list(std::string_view prefix, const Visitor& visit) override { base_.list(prefix, visit); }
  void list_first(std::string_view prefix, const FirstVisitor& visit) override {
    base_.list_first(prefix, visit);
  }
  void get_first(std::string_view name, const std::string& version, std::uint64_t offset,
                 MutableByteView out) override {
    base_.get_first(name, version, offset, out);
  }
  void remove(std::string_view name) override { base_.remove(name); }
  void remove_many(std::span<const std::string> names) override { base_.remove_many(names); }
  const Capabilities& capabilities() const override { return base_.capabilities(); }
  void set_exclusive_create(bool exclusive) override { base_.set_exclusive_create(exclusive); }
  void remove_old_leftovers() override { base_.remove_old_leftovers(); }
  void give_up() override { base_.give_up(); }

 protected:
  Store& base() { return base_; }

 private:
  Store& base_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_STORE_DECORATOR_H_
