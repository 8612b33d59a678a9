// For tests: a store whose creation is not exclusive, as that of some services that speak S3.
#ifndef HOLDFAST_STORAGE_TEST_INEXCLUSIVE_STORE_H_
#define HOLDFAST_STORAGE_TEST_INEXCLUSIVE_STORE_H_

#include "storage/store_decorator.h"

namespace holdfast::storage {

// Whether there is an object already is looked at in one step, and another takes its place in the
// next.
class InexclusiveStore : public StoreDecorator {
 public:
  explicit InexclusiveStore(Store& base) : StoreDecorator(base) {
    capabilities_ = base.capabilities();
    capabilities_.exclusive_create = false;
  }
  void put(std::string_view name, ByteView content, PutOptions options = {}) override {
    options.mode = PutMode::kReplace;
    base().put(name, content, options);
  }
  const Capabilities& capabilities() const override { return capabilities_; }

 private:
  Capabilities capabilities_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_TEST_INEXCLUSIVE_STORE_H_
