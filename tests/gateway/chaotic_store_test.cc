// The store of S3 where one thing at a time goes wrong, and where conditions are not known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/test_errors.h"
#include "tests/gateway/chaotic_service.h"

namespace holdfast::storage {
namespace {

class ChaoticStoreTest : public testing::Test {
 protected:
  ChaoticStoreTest() { calm(); }
  ~ChaoticStoreTest() override { calm(); }
  // So often a request meets this fault from now on.
  void spoil(const char* kind, double rate) { service().control({{"rates", {{kind, rate}}}}); }
  void calm() {
    service().control({{"rates", nlohmann::json::object()}, {"conditional_writes", "honoured"}});
  }
  static ChaoticService& service() {
    static const std::uint64_t seed = std::random_device{}();
    static ChaoticService service(seed, "{}");
    std::cout << "seed " << seed << '\n';
    return service;
  }
  S3Store& store() { return store_; }

 private:
  S3Store store_{service().new_place(), service().surroundings()};
};

TEST_F(ChaoticStoreTest, ReadsAnObjectAgainWhoseBitsWereFlipped) {
  Bytes content(100'000);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i * 7);
  store().put("a", content);
  spoil("flipped", 0.3);
  for (int round = 0; round < 20; ++round) ASSERT_EQ(store().get("a"), content);
  spoil("flipped", 1);
  EXPECT_EQ(code_of([&] { store().get("a"); }), ErrorCode::kDamagedObject);
}

TEST_F(ChaoticStoreTest, BelievesNoPageThatSaysAPutIsDone) {
  spoil("html", 0.3);
  for (int round = 0; round < 20; ++round) {
    store().put(fmt::format("a/{}", round), as_bytes("text"));
  }
  calm();
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(as_text(store().get(fmt::format("a/{}", round))), "text");
  }
}

TEST_F(ChaoticStoreTest, IsTheCreatorAlthoughTheAnswerWasLost) {
  for (const char* kind : {"lost_response", "reset_within", "repeated"}) {
    spoil(kind, 0.5);
    for (int round = 0; round < 20; ++round) {
      const std::string name = fmt::format("leases/{}/{}", kind, round);
      store().put(name, as_bytes("mine"));
      EXPECT_EQ(code_of([&] { store().put(name, as_bytes("another's")); }),
                ErrorCode::kAlreadyExists);
    }
  }
}

TEST_F(ChaoticStoreTest, PutsALargeObjectTogetherAlthoughPartsFail) {
  const Bytes content(20'000'000, std::byte{7});
  for (const char* kind : {"late_error", "lost_response", "internal_error", "request_timeout"}) {
    spoil(kind, 0.3);
    const std::string name = fmt::format("packs/{}", kind);
    store().put(name, content);
    calm();
    EXPECT_TRUE(store().get(name) == content) << kind;
  }
}

// As services do that take no notice of conditions.
TEST_F(ChaoticStoreTest, ReplacesNothingWhereConditionsAreIgnored) {
  service().control({{"conditional_writes", "ignored"}});
  store().set_exclusive_create(false);
  EXPECT_FALSE(store().capabilities().exclusive_create);
  store().put("leases/1", as_bytes("mine"));
  EXPECT_EQ(code_of([&] { store().put("leases/1", as_bytes("another's")); }),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(as_text(store().get("leases/1")), "mine");
}

}  // namespace
}  // namespace holdfast::storage
