#include "repository/store_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>

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

// Its listings are as old as the last change but one.
class LaggingStore final : public storage::StoreDecorator {
 public:
  explicit LaggingStore(storage::Store& base) : StoreDecorator(base) {
    capabilities_ = base.capabilities();
    capabilities_.assumed = true;
  }
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    note();
    base().put(name, content, options);
  }
  void remove(std::string_view name) override {
    note();
    base().remove(name);
  }
  void list(std::string_view prefix, const Visitor& visit) override {
    for (const auto& [name, status] : before_) {
      if (name.starts_with(prefix)) visit(name, status);
    }
  }
  void list_names(std::string_view prefix, const NameVisitor& visit) override {
    Store::list_names(prefix, visit);
  }
  const storage::Capabilities& capabilities() const override { return capabilities_; }

 private:
  void note() {
    const std::scoped_lock lock(mutex_);
    before_.clear();
    base().list("", [&](std::string_view name, const auto& status) {
      before_[std::string(name)] = status;
    });
  }
  std::mutex mutex_;
  std::map<std::string, storage::ObjectStatus> before_;
  storage::Capabilities capabilities_;
};

TEST(StoreProbe, MakesNoRepositoryWhereListingsLag) {
  storage::MemoryStore memory;
  EXPECT_TRUE(lists_at_once(memory));
  LaggingStore lagging(memory);
  EXPECT_FALSE(lists_at_once(lagging));
  env::FakeClock clock(time_of("2026-11-22T12:00:00Z"));
  EXPECT_THAT(
      message_of(ErrorCode::kUnsupported,
                 [&] { Repository::create(lagging, clock, std::nullopt, "tests", kFastCost); }),
      testing::HasSubstr("do not show at once"));
  memory.list("", [](std::string_view name, const storage::ObjectStatus&) { FAIL() << name; });
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
