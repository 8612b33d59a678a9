#include "repository/store_probe.h"

#include <gtest/gtest.h>

#include "base/test_errors.h"
#include "repository/repository.h"
#include "repository/test_repository.h"
#include "storage/memory/memory_store.h"
#include "storage/store_decorator.h"
#include "storage/test_inexclusive_store.h"

namespace holdfast::repository {
namespace {

// A store that promises more than is known, as that of S3 does.
class AssumingStore final : public storage::StoreDecorator {
 public:
  explicit AssumingStore(storage::Store& base) : StoreDecorator(base) {
    capabilities_ = base.capabilities();
    capabilities_.exclusive_create = true;
    capabilities_.assumed = true;
  }
  const storage::Capabilities& capabilities() const override { return capabilities_; }
  void set_exclusive_create(bool exclusive) override { capabilities_.exclusive_create = exclusive; }

 private:
  storage::Capabilities capabilities_;
};

TEST(StoreProbe, TellsWhetherCreationIsExclusiveAndLeavesNothing) {
  storage::MemoryStore memory;
  storage::InexclusiveStore inexclusive(memory);
  EXPECT_TRUE(creates_exclusively(memory));
  EXPECT_FALSE(creates_exclusively(inexclusive));
  memory.list("", [](std::string_view name, const storage::ObjectStatus&) { FAIL() << name; });
}

TEST(StoreProbe, TakesARefusalForANo) {
  class Refusing final : public storage::StoreDecorator {
   public:
    using StoreDecorator::StoreDecorator;
    void put(std::string_view, ByteView, storage::PutOptions) override {
      throw Error(ErrorCode::kUnsupported, "what is If-None-Match?");
    }
  };
  storage::MemoryStore memory;
  Refusing refusing(memory);
  EXPECT_FALSE(creates_exclusively(refusing));
}

TEST(StoreProbe, IsDoneWhenARepositoryIsMadeAndRememberedInIt) {
  for (const bool exclusive : {true, false}) {
    storage::MemoryStore memory;
    storage::InexclusiveStore inexclusive(memory);
    AssumingStore first(exclusive ? static_cast<storage::Store&>(memory) : inexclusive);
    env::FakeClock clock(time_of("2026-11-22T12:00:00Z"));
    Repository::create(first, clock, std::nullopt, "tests", kFastCost);
    EXPECT_EQ(first.capabilities().exclusive_create, exclusive);
    AssumingStore second(memory);
    const Repository repository = Repository::open(second, clock, std::nullopt);
    EXPECT_EQ(repository.config().exclusive_create, exclusive);
    EXPECT_EQ(repository.config().format, exclusive ? 1 : 2);
    EXPECT_EQ(second.capabilities().exclusive_create, exclusive);
  }
}

}  // namespace
}  // namespace holdfast::repository
