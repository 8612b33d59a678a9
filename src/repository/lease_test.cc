#include "repository/lease.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "repository/document.h"
#include "repository/test_history.h"
#include "repository/test_timeline.h"
#include "repository/test_turns.h"
#include "storage/counting_store.h"
#include "storage/fault_store.h"

namespace holdfast::repository {
namespace {

using std::chrono::milliseconds;

// Time passes while somebody waits, and then something else happens too.
class EventfulClock final : public env::FakeClock {
 public:
  using FakeClock::FakeClock;
  bool wait(Duration duration, std::stop_token stop) override {
    if (!FakeClock::wait(duration, stop)) return false;
    if (while_waiting) while_waiting();
    return true;
  }
  std::function<void()> while_waiting;
};

struct Fixture {
  EventfulClock clock{time_of("2026-11-21T03:24:15Z")};
  storage::MemoryStore memory{clock};
  storage::FaultStore faults{memory, 1};
  storage::CountingStore store{faults};
  Repository repository =
      Repository::create(store, clock, std::nullopt, "tests", kFastCost).repository;
  LeaseOptions waiting{.longest_wait = std::chrono::minutes(5)};

  Lease acquire(const LeaseOptions& options = {}) {
    return Lease::acquire(repository, kSeries, options, "holdfast replicate", {});
  }
  // As another process would have left it.
  void put_lease(Branch number, const env::ProcessIdentity& holder) {
    const std::string object = fmt::format("leases/{}/{:08x}", kSeries, number);
    const nlohmann::json json{{"format", 1},
                              {"host", holder.host},
                              {"boot", holder.boot_id},
                              {"pid", holder.pid},
                              {"start_ticks", holder.start_ticks},
                              {"user", "ada"},
                              {"command", "holdfast run"},
                              {"time", "2026-11-21T03:00:00.000000Z"}};
    memory.put(object, seal_document(repository.keys().documents, DocumentKind::kLease, object,
                                     as_bytes(json.dump())));
  }
  void put_segment(Branch branch, std::uint64_t number) {
    memory.put(object_name(kSeries, segment_at(branch, number, number - 1)), as_bytes("x"));
  }
};

const env::ProcessIdentity kElsewhere{
    .host = "elsewhere", .boot_id = "b", .pid = 7, .start_ticks = 9};

TEST(Lease, TheFirstHasTheNumberOne) {
  Fixture at;
  EXPECT_FALSE(newest_lease(at.repository, kSeries).has_value());
  const Lease lease = at.acquire();
  EXPECT_EQ(lease.branch(), 1u);
  const auto info = newest_lease(at.repository, kSeries);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->number, 1u);
  EXPECT_EQ(info->holder.pid, ::getpid());
  EXPECT_EQ(info->command, "holdfast replicate");
  EXPECT_EQ(info->taken, at.clock.now());
  EXPECT_FALSE(info->released);
  EXPECT_TRUE(info->readable);
}

TEST(Lease, OneThatIsHeldIsRefusedAndTheHolderIsNamed) {
  Fixture at;
  at.put_lease(4, kElsewhere);
  const auto error = error_of([&] { at.acquire(); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kLeaseHeld);
  EXPECT_THAT(error->happened(),
              testing::AllOf(testing::HasSubstr("process 7"), testing::HasSubstr("elsewhere"),
                             testing::HasSubstr("holdfast run")));
}

TEST(Lease, AReleasedOneIsTakenAtOnce) {
  Fixture at;
  Lease first = at.acquire();
  first.release();
  EXPECT_TRUE(newest_lease(at.repository, kSeries)->released);
  EXPECT_FALSE(first.confirm());
  const Time before = at.clock.now();
  EXPECT_EQ(at.acquire(at.waiting).branch(), 2u);
  EXPECT_EQ(at.clock.now(), before);
}

TEST(Lease, OneOfADeadProcessIsTakenAtOnce) {
  Fixture at;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  env::ProcessIdentity dead = env::this_process();
  dead.pid = child;
  at.put_lease(3, dead);
  EXPECT_EQ(at.acquire().branch(), 4u);
}

TEST(Lease, OneThatShowsNoSignOfLifeIsTakenAfterAWhile) {
  Fixture at;
  at.put_lease(1, kElsewhere);
  at.put_segment(1, 5);
  const Time before = at.clock.now();
  EXPECT_EQ(at.acquire(at.waiting).branch(), 2u);
  EXPECT_GE(at.clock.now() - before, at.waiting.stale_after);
  EXPECT_LE(at.clock.now() - before, at.waiting.stale_after + std::chrono::seconds(1));
}

TEST(Lease, AJumpOfTheClockTakesNothing) {
  Fixture at;
  at.put_lease(1, kElsewhere);
  at.clock.while_waiting = [&, done = false]() mutable {
    if (!done) at.clock.set(at.clock.now() + std::chrono::hours(24 * 365));
    done = true;
  };
  const Duration before = at.clock.elapsed();
  EXPECT_EQ(at.acquire(at.waiting).branch(), 2u);
  EXPECT_GE(at.clock.elapsed() - before, at.waiting.stale_after);
}

TEST(Lease, EachSegmentOfTheHolderBeginsTheWaitAnew) {
  Fixture at;
  at.put_lease(1, kElsewhere);
  std::uint64_t number = 1;
  Duration last_segment{};
  const Duration begin = at.clock.elapsed();
  at.clock.while_waiting = [&] {
    const Duration elapsed = at.clock.elapsed() - begin;
    if (elapsed > std::chrono::seconds(60)) return;
    if (elapsed.count() % 20'000'000 != 0) return;
    at.put_segment(1, ++number);
    last_segment = at.clock.elapsed();
  };
  EXPECT_EQ(at.acquire(at.waiting).branch(), 2u);
  EXPECT_GE(at.clock.elapsed() - last_segment, at.waiting.stale_after);
}

TEST(Lease, TheWaitForABusyHolderHasAnEnd) {
  Fixture at;
  at.put_lease(1, kElsewhere);
  std::uint64_t number = 1;
  at.clock.while_waiting = [&] { at.put_segment(1, ++number); };
  const Duration before = at.clock.elapsed();
  expect_error(ErrorCode::kLeaseHeld, [&] { at.acquire(at.waiting); });
  EXPECT_GE(at.clock.elapsed() - before, at.waiting.longest_wait);
}

TEST(Lease, OneThatIsReleasedDuringTheWaitIsTakenAtTheNextLook) {
  Fixture at;
  Lease first = at.acquire();
  at.clock.while_waiting = [&] {
    if (at.clock.elapsed() >= std::chrono::seconds(3)) first.release();
  };
  const Duration before = at.clock.elapsed();
  EXPECT_EQ(at.acquire(at.waiting).branch(), 2u);
  EXPECT_LE(at.clock.elapsed() - before, std::chrono::seconds(4));
}

TEST(Lease, TheWaitCanBeInterrupted) {
  Fixture at;
  at.put_lease(1, kElsewhere);
  std::stop_source stop;
  at.clock.while_waiting = [&] { stop.request_stop(); };
  expect_error(ErrorCode::kInterrupted,
               [&] { Lease::acquire(at.repository, kSeries, at.waiting, "x", stop.get_token()); });
}

TEST(Lease, OneThatCannotBeReadIsThatOfALivingHolder) {
  Fixture at;
  at.memory.put(fmt::format("leases/{}/00000002", kSeries), as_bytes("noise"));
  EXPECT_FALSE(newest_lease(at.repository, kSeries)->readable);
  expect_error(ErrorCode::kLeaseHeld, [&] { at.acquire(); });
  EXPECT_EQ(at.acquire(at.waiting).branch(), 3u);
}

TEST(Lease, OtherNamesAreIgnored) {
  Fixture at;
  for (const char* name : {"0000000g", "00000000", "000000001", "ffffffff-x", "1", "00000009.b"}) {
    at.memory.put(fmt::format("leases/{}/{}", kSeries, name), {});
  }
  EXPECT_FALSE(newest_lease(at.repository, kSeries).has_value());
  EXPECT_EQ(at.acquire().branch(), 1u);
}

TEST(Lease, ADeposedHolderFindsOutBeforeItsNextWriteAndForGood) {
  Fixture at;
  Lease first = at.acquire();
  at.clock.advance(std::chrono::minutes(1));  // stopped, say
  EXPECT_EQ(at.acquire(at.waiting).branch(), 2u);
  EXPECT_FALSE(first.confirm());
  at.memory.remove(fmt::format("leases/{}/00000002", kSeries));
  EXPECT_FALSE(first.confirm());
}

TEST(Lease, AHolderAsksOnceInFiveSeconds) {
  Fixture at;
  Lease lease = at.acquire();
  at.store.reset();
  for (int i = 0; i < 1000; ++i) {
    at.clock.advance(milliseconds(100));
    EXPECT_TRUE(lease.confirm());
  }
  EXPECT_EQ(at.store.total().requests, 20u);
}

TEST(Lease, AHolderAsksMoreOftenThanOthersWouldTakeOver) {
  Fixture at;
  LeaseOptions impatient = at.waiting;
  impatient.stale_after = milliseconds(2000);
  Lease first = at.acquire(impatient);
  EXPECT_EQ(first.confirm_after(), Duration(milliseconds(500)));
  at.acquire(impatient);
  EXPECT_FALSE(first.confirm());
}

TEST(Lease, AHolderMayAskAtOnce) {
  Fixture at;
  Lease lease = at.acquire();
  at.store.reset();
  EXPECT_TRUE(lease.confirm_now());
  EXPECT_EQ(at.store.total().requests, 1u);
}

TEST(Lease, AnAnswerThatCouldNotBeGotIsAskedForAgain) {
  Fixture at;
  Lease lease = at.acquire();
  at.clock.advance(std::chrono::seconds(10));
  at.faults.inject({.verb = storage::Verb::kList, .times = 1});
  expect_error(ErrorCode::kUnavailable, [&] { lease.confirm(); });
  EXPECT_TRUE(lease.confirm());
}

TEST(Lease, ACreationWhoseAnswerGotLostIsFoundAgain) {
  Fixture at;
  at.faults.inject({.kind = storage::Fault::Kind::kFailAfter,
                    .verb = storage::Verb::kPut,
                    .prefix = "leases/",
                    .times = 1});
  EXPECT_EQ(at.acquire().branch(), 1u);
}

TEST(Lease, ACreationWhoseAnswerGotLostWithTheStoreIsFoundAgainLater) {
  Fixture at;
  at.faults.inject({.kind = storage::Fault::Kind::kFailAfter,
                    .verb = storage::Verb::kPut,
                    .prefix = "leases/",
                    .times = 1});
  at.faults.inject({.verb = storage::Verb::kGet, .prefix = "leases/", .times = 2});
  expect_error(ErrorCode::kUnavailable, [&] { at.acquire(); });
  expect_error(ErrorCode::kUnavailable, [&] { at.acquire(); });
  EXPECT_EQ(at.acquire().branch(), 1u);
  expect_error(ErrorCode::kLeaseHeld, [&] { at.acquire(); });
}

TEST(Lease, LeasesBelowTheNewestTwoAreRemoved) {
  Fixture at;
  for (int i = 0; i < 5; ++i) {
    Lease lease = at.acquire();
    lease.release();
  }
  EXPECT_THAT(names_below(at.memory, "leases/"),
              testing::ElementsAre(
                  testing::EndsWith("/00000004"), testing::EndsWith("/00000004-released"),
                  testing::EndsWith("/00000005"), testing::EndsWith("/00000005-released")));
}

TEST(Lease, ANumberWhoseBranchIsThereIsNotGivenAgain) {
  Fixture at;
  at.put_segment(6, 5);
  EXPECT_EQ(at.acquire().branch(), 7u);
}

TEST(Lease, OfSeveralThatWantItOneGetsItInAnyOrder) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RestingClock clock;
    storage::MemoryStore store(clock);
    const Repository created =
        Repository::create(store, clock, std::nullopt, "tests", kFastCost).repository;
    // Some find old leases, so that removing those meets creating new ones.
    for (std::uint64_t i = 0; i < seed % 4; ++i) {
      Lease::acquire(created, kSeries, {}, "x", {}).release();
    }
    Turns turns(seed);
    std::vector<std::unique_ptr<TurnStore>> stores;
    std::vector<Branch> branches(3);
    for (std::size_t i = 0; i < branches.size(); ++i) {
      stores.push_back(std::make_unique<TurnStore>(store, turns));
    }
    {
      std::vector<std::jthread> actors;
      for (std::size_t i = 0; i < branches.size(); ++i) {
        actors.emplace_back([&, i] {
          TurnStore& own = *stores[i];
          const Repository repository = Repository::open(own, clock, std::nullopt);
          own.begin();
          for (int round = 0; round < 2; ++round) {
            try {
              Lease lease = Lease::acquire(repository, kSeries, {}, "x", {});
              EXPECT_GT(lease.branch(), branches[i]);
              branches[i] = lease.branch();
              if (seed % 2 == 0) lease.release();
            } catch (const Error& error) {
              EXPECT_EQ(error.code(), ErrorCode::kLeaseHeld) << error.happened();
            }
          }
          own.leave();
        });
      }
    }
    std::erase(branches, 0u);
    std::ranges::sort(branches);
    EXPECT_EQ(std::ranges::adjacent_find(branches), branches.end());
    EXPECT_GE(branches.size(), 1u);
    if (seed % 2 == 1) {
      EXPECT_EQ(branches.size(), 1u);
    }
  }
}

}  // namespace
}  // namespace holdfast::repository
