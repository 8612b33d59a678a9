#include "repository/lease_claim.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <thread>

#include "base/test_errors.h"
#include "repository/lease.h"
#include "repository/test_repository.h"
#include "repository/test_timeline.h"
#include "repository/test_turns.h"
#include "storage/memory/memory_store.h"
#include "storage/test_inexclusive_store.h"

namespace holdfast::repository {
namespace {

using storage::InexclusiveStore;

const std::string kObject = "leases/a/00000001";
const Time kStart = time_of("2026-11-22T12:00:00Z");

struct ClaimFixture {
  storage::MemoryStore memory;
  InexclusiveStore store{memory};
  env::FakeClock clock{kStart};

  bool create(const ClaimOptions& options = {}) {
    return create_by_claim(store, clock, kObject, as_bytes("x"), options, {});
  }
  std::size_t objects() {
    std::size_t count = 0;
    memory.list("", [&](std::string_view, const storage::ObjectStatus&) { ++count; });
    return count;
  }
};

TEST(LeaseClaim, OfOneIsGrantedAtOnceAndLeavesTheLeaseAlone) {
  ClaimFixture at;
  EXPECT_TRUE(at.create());
  EXPECT_EQ(at.objects(), 1u);
  EXPECT_EQ(at.clock.now(), kStart);
}

TEST(LeaseClaim, OfALateComerIsWithdrawn) {
  ClaimFixture at;
  EXPECT_TRUE(at.create());
  EXPECT_FALSE(at.create());
  EXPECT_EQ(at.objects(), 1u);
}

TEST(LeaseClaim, OfTheDeadIsRemovedAtOnce) {
  ClaimFixture at;
  at.memory.put(kObject + "-claim-0", as_bytes("dead"));
  at.memory.put(kObject + "-claim-g", as_bytes("dead"));
  EXPECT_TRUE(at.create({.is_dead = [](ByteView content) { return as_text(content) == "dead"; }}));
  EXPECT_EQ(at.objects(), 1u);
  EXPECT_EQ(at.clock.now(), kStart);
}

TEST(LeaseClaim, ThatStaysTooLongIsTakenForDead) {
  for (const char* name : {"-claim-0", "-claim-g"}) {  // before and behind every other
    ClaimFixture at;
    at.memory.put(kObject + name, as_bytes("?"));
    while (!at.create()) ASSERT_LT(at.clock.now() - kStart, std::chrono::minutes(2));
    EXPECT_GE(at.clock.now() - kStart, std::chrono::seconds(30));
    EXPECT_EQ(at.objects(), 1u);
  }
}

TEST(LeaseClaim, IsWithdrawnWhenInterrupted) {
  ClaimFixture at;
  at.memory.put(kObject + "-claim-g", as_bytes("?"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              create_by_claim(at.store, at.clock, kObject, as_bytes("x"), {}, stop.get_token());
            }),
            ErrorCode::kInterrupted);
  EXPECT_EQ(at.objects(), 1u);
}

TEST(LeaseClaim, WhoseOwnerWasTakenForDeadWinsNothing) {
  ClaimFixture at;
  // Somebody removes it in the moment before the lease is put.
  class Remover final : public storage::StoreDecorator {
   public:
    using StoreDecorator::StoreDecorator;
    void put(std::string_view name, ByteView content, storage::PutOptions options) override {
      if (name == kObject) base().remove(claim);
      if (name != kObject) claim = name;
      base().put(name, content, options);
    }
    std::string claim;
  } remover(at.store);
  EXPECT_FALSE(create_by_claim(remover, at.clock, kObject, as_bytes("x"), {}, {}));
}

// Several that want one lease, each with a clock of its own, in an order that follows from a seed.
// Answers how many believe that they have it.
int holders_of(std::uint64_t seed, int actors, std::chrono::milliseconds stale_after) {
  storage::MemoryStore memory;
  InexclusiveStore inexclusive(memory);
  Turns turns(seed);
  std::atomic<int> holders = 0;
  std::vector<std::unique_ptr<TurnStore>> stores;
  for (int i = 0; i < actors; ++i) {
    stores.push_back(std::make_unique<TurnStore>(inexclusive, turns));
  }
  {
    std::vector<std::jthread> threads;
    for (const auto& store : stores) {
      store->begin();
      threads.emplace_back([&, at = store.get()] {
        env::FakeClock clock(kStart);
        const ClaimOptions options{.stale_after = stale_after};
        do {
          if (create_by_claim(*at, clock, kObject, as_bytes("x"), options, {})) ++holders;
        } while (!at->stat(kObject));
        at->leave();
      });
    }
  }
  return holders;
}

TEST(LeaseClaim, HasOneWinnerInWhateverOrderTheyAsk) {
  const std::uint64_t seed = std::random_device{}();
  for (std::uint64_t round = 0; round < 400; ++round) {
    ASSERT_EQ(holders_of(seed + round, 2 + static_cast<int>(round % 3), std::chrono::hours(1)), 1)
        << "seed " << seed + round;
  }
}

// All of them take the others for dead after two looks, though they live.
TEST(LeaseClaim, NeverHasTwoWinnersHoweverWrongTheyAreAboutTheDead) {
  const std::uint64_t seed = std::random_device{}();
  for (std::uint64_t round = 0; round < 400; ++round) {
    ASSERT_LE(
        holders_of(seed + round, 2 + static_cast<int>(round % 3), std::chrono::milliseconds(600)),
        1)
        << "seed " << seed + round;
  }
}

TEST(LeaseClaim, IsHowALeaseIsTakenWhereTheStoreCannotCreateExclusively) {
  ClaimFixture at;
  const Repository repository =
      Repository::create(at.store, at.clock, std::nullopt, "tests", kFastCost).repository;
  EXPECT_FALSE(repository.config().exclusive_create);
  Lease first = Lease::acquire(repository, kSeries, {}, "holdfast replicate", {});
  EXPECT_EQ(first.branch(), 1u);
  first.release();
  const Lease second = Lease::acquire(repository, kSeries, {}, "holdfast replicate", {});
  EXPECT_EQ(second.branch(), 2u);
  EXPECT_FALSE(first.confirm_now());
}

TEST(LeaseClaim, OfAnOldLeaseIsRemovedWithIt) {
  ClaimFixture at;
  const Repository repository =
      Repository::create(at.store, at.clock, std::nullopt, "tests", kFastCost).repository;
  const auto take_and_release = [&] {
    Lease::acquire(repository, kSeries, {}, "holdfast replicate", {}).release();
  };
  take_and_release();
  const std::string left = fmt::format("leases/{}/00000001-claim-0", kSeries);
  at.memory.put(left, as_bytes("x"));
  take_and_release();
  EXPECT_FALSE(at.memory.stat(left).has_value());
}

}  // namespace
}  // namespace holdfast::repository
