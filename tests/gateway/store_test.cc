// The store of S3 against a real gateway of Ceph, and against a service that is as strict as
// Amazon's, calm and chaotic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "storage/store_conformance.h"
#include "tests/gateway/ceph_gateway.h"
#include "tests/gateway/chaotic_service.h"

namespace holdfast::storage {
namespace {

// What a store of objects must stand. A range that comes with other bytes is met by who decrypts
// it.
constexpr const char* kChaos =
    R"({"slow_down": 0.02, "internal_error": 0.02, "too_many": 0.01, "request_timeout": 0.01,)"
    R"( "conflict": 0.02, "html": 0.01, "reset_before": 0.02, "reset_during": 0.02,)"
    R"( "lost_response": 0.02, "repeated": 0.02, "reset_within": 0.02, "truncated": 0.02,)"
    R"( "late_error": 0.2})";

template <typename Service>
class ServicePlace : public StorePlace {
 public:
  explicit ServicePlace(Service& service)
      : options_(service.new_place()),
        store_(options_, service.surroundings()),
        other_(options_, service.surroundings()) {}
  Store& store() override { return store_; }
  Store& other() override { return other_; }

 private:
  const S3Options options_;
  S3Store store_, other_;
};

template <typename Service>
std::unique_ptr<StorePlace> place_at(Service& service) {
  return std::make_unique<ServicePlace<Service>>(service);
}

ChaoticService& strict_service() {
  static ChaoticService service(0, "{}");
  return service;
}

ChaoticService& chaotic_service() {
  static const std::uint64_t seed = std::random_device{}();
  static ChaoticService service(seed, kChaos);
  std::cout << "seed " << seed << '\n';
  return service;
}

INSTANTIATE_TEST_SUITE_P(
    S3, StoreConformance,
    testing::Values(StoreCase{"Ceph", [] { return place_at(CephGateway::shared()); }},
                    StoreCase{"Strict", [] { return place_at(strict_service()); }},
                    StoreCase{"Chaotic", [] { return place_at(chaotic_service()); }}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace holdfast::storage
