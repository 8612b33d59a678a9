#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <functional>

#include "base/error.h"
#include "base/test_errors.h"
#include "storage/counting_store.h"
#include "storage/crash_store.h"
#include "storage/fault_store.h"
#include "storage/memory/memory_store.h"

namespace holdfast::storage {
namespace {

std::vector<std::string> names_in(Store& store, std::string_view prefix) {
  std::vector<std::string> names;
  store.list(prefix, [&](std::string_view name, const ObjectStatus&) { names.emplace_back(name); });
  return names;
}

TEST(MemoryStore, TakesItsTimesFromTheClockThatItWasGiven) {
  env::FakeClock clock(Time(std::chrono::hours(5)));
  MemoryStore store(clock);
  store.put("a", {});
  clock.advance(std::chrono::hours(1));
  store.put("b", {});
  EXPECT_EQ(store.stat("a")->modified, Time(std::chrono::hours(5)));
  EXPECT_EQ(store.stat("b")->modified, Time(std::chrono::hours(6)));
}

TEST(MemoryStore, APowerLossBringsBackTheDurableObjectBelowEphemeralOnes) {
  MemoryStore store;
  store.put("a", as_bytes("durable"));
  for (const char* text : {"one", "two"}) {
    store.put("a", as_bytes(text), {.mode = PutMode::kReplace, .ephemeral = true});
  }
  store.put("b", as_bytes("gone"), {.ephemeral = true});
  store.lose_ephemeral();
  EXPECT_EQ(as_text(store.get("a")), "durable");
  EXPECT_FALSE(store.stat("b").has_value());
}

TEST(CountingStore, CountsRequestsAndBytesOfEachVerb) {
  MemoryStore memory;
  CountingStore store(memory);
  store.put("a", Bytes(100));
  EXPECT_THROW(store.put("a", Bytes(100)), Error);
  store.get("a");
  Bytes out(10);
  store.get_range("a", 5, out);
  store.get_range("a", 6, out);
  store.stat("a");
  names_in(store, "");
  store.remove("a");
  const auto expect = [&](Verb verb, std::uint64_t requests, std::uint64_t bytes) {
    EXPECT_EQ(store.count(verb).requests, requests) << verb_name(verb);
    EXPECT_EQ(store.count(verb).bytes, bytes) << verb_name(verb);
  };
  expect(Verb::kPut, 2, 100);
  expect(Verb::kGet, 1, 100);
  expect(Verb::kGetRange, 2, 20);
  expect(Verb::kStat, 1, 0);
  expect(Verb::kList, 1, 0);
  expect(Verb::kRemove, 1, 0);
  EXPECT_EQ(store.total().requests, 8u);
  EXPECT_EQ(store.total().bytes, 220u);
  store.reset();
  EXPECT_EQ(store.total().requests, 0u);
}

TEST(CrashStore, StopsBeforeOrAfterTheChangeAndForAllLaterCalls) {
  for (const auto moment : {CrashStore::Moment::kBefore, CrashStore::Moment::kAfter}) {
    MemoryStore memory;
    CrashStore store(memory);
    store.stop_at(2, moment);
    store.put("a", {});
    EXPECT_THROW(store.put("b", {}), env::CrashError);
    EXPECT_TRUE(store.stopped());
    Bytes out(0);
    EXPECT_THROW(store.remove("a"), env::CrashError);
    EXPECT_THROW(store.get("a"), env::CrashError);
    EXPECT_THROW(store.get_range("a", 0, out), env::CrashError);
    EXPECT_THROW(store.stat("a"), env::CrashError);
    EXPECT_THROW(names_in(store, ""), env::CrashError);
    EXPECT_EQ(memory.stat("b").has_value(), moment == CrashStore::Moment::kAfter);
    EXPECT_TRUE(memory.stat("a").has_value());
  }
}

TEST(CrashStore, NumbersChangesOnlyAndDescribesThem) {
  MemoryStore memory;
  CrashStore store(memory);
  store.put("packs/a", {});
  store.get("packs/a");
  store.remove("packs/a");
  EXPECT_EQ(store.operation_count(), 2u);
  EXPECT_EQ(store.description(1), "1 put packs/a");
  EXPECT_EQ(store.description(2), "2 remove packs/a");
  store.restart();
  EXPECT_EQ(store.operation_count(), 0u);
}

TEST(FaultStore, FailsExactlyTheCallsThatItWasToldTo) {
  MemoryStore memory;
  FaultStore store(memory, 1);
  store.inject({.verb = Verb::kPut,
                .prefix = "packs/",
                .skip = 1,
                .times = 1,
                .code = ErrorCode::kDiskFull});
  store.put("packs/a", {});
  store.put("index/a", {});
  EXPECT_EQ(code_of([&] { store.put("packs/b", {}); }), ErrorCode::kDiskFull);
  EXPECT_FALSE(memory.stat("packs/b").has_value());
  store.put("packs/b", {});
  EXPECT_EQ(store.faults(), 1u);
}

TEST(FaultStore, MayFailEveryVerb) {
  MemoryStore memory;
  memory.put("a", {});
  FaultStore store(memory, 1);
  store.inject({});
  Bytes out(0);
  const std::function<void()> calls[] = {
      [&] { store.put("b", {}); },           [&] { store.get("a"); },
      [&] { store.get_range("a", 0, out); }, [&] { store.stat("a"); },
      [&] { names_in(store, ""); },          [&] { store.remove("a"); }};
  for (const auto& call : calls) EXPECT_EQ(code_of(call), ErrorCode::kUnavailable);
  EXPECT_EQ(store.faults(), std::size(calls));
  store.repair();
  for (const auto& call : calls) EXPECT_NO_THROW(call());
}

TEST(FaultStore, MayReportAFailureOfWhatHasHappened) {
  MemoryStore memory;
  FaultStore store(memory, 1);
  store.inject({.kind = Fault::Kind::kFailAfter});
  EXPECT_EQ(code_of([&] { store.put("a", as_bytes("x")); }), ErrorCode::kUnavailable);
  EXPECT_EQ(as_text(store.get("a")), "x");
  EXPECT_EQ(code_of([&] { store.remove("a"); }), ErrorCode::kUnavailable);
  EXPECT_FALSE(memory.stat("a").has_value());
}

TEST(FaultStore, TruncatesWhatIsRead) {
  MemoryStore memory;
  memory.put("a", as_bytes("0123456789"));
  FaultStore store(memory, 1);
  store.inject({.kind = Fault::Kind::kTruncate});
  EXPECT_EQ(as_text(store.get("a")), "01234");
  Bytes out(2);
  EXPECT_EQ(code_of([&] { store.get_range("a", 0, out); }), ErrorCode::kDamagedObject);
}

TEST(FaultStore, FlipsExactlyOneBit) {
  MemoryStore memory;
  memory.put("a", Bytes(64));
  FaultStore store(memory, 1);
  store.inject({.kind = Fault::Kind::kFlipBit});
  const auto ones = [](const Bytes& bytes) {
    int count = 0;
    for (const std::byte byte : bytes) count += std::popcount(std::to_integer<unsigned>(byte));
    return count;
  };
  EXPECT_EQ(ones(store.get("a")), 1);
  Bytes out(16);
  store.get_range("a", 0, out);
  EXPECT_EQ(ones(out), 1);
  EXPECT_EQ(ones(memory.get("a")), 0) << "the object itself is unharmed";
}

TEST(FaultStore, ListsWhatWasThereBefore) {
  MemoryStore memory;
  memory.put("packs/old", {});
  FaultStore store(memory, 1);
  store.inject({.kind = Fault::Kind::kStaleList});
  store.put("packs/new", {});
  store.remove("packs/old");
  EXPECT_THAT(names_in(store, "packs/"), testing::ElementsAre("packs/old"));
  EXPECT_THAT(names_in(store, "index/"), testing::IsEmpty());
  store.repair();
  EXPECT_THAT(names_in(store, "packs/"), testing::ElementsAre("packs/new"));
}

TEST(FaultStore, TheSameSeedFailsTheSameCalls) {
  const auto pattern = [](std::uint64_t seed) {
    MemoryStore memory;
    FaultStore store(memory, seed);
    store.inject({.probability = 0.5});
    std::string seen;
    for (int i = 0; i < 100; ++i) {
      try {
        store.stat("a");
        seen += '.';
      } catch (const Error&) {
        seen += 'x';
      }
    }
    return seen;
  };
  EXPECT_EQ(pattern(1), pattern(1));
  EXPECT_NE(pattern(1), pattern(2));
  EXPECT_NE(pattern(1).find('.'), std::string::npos);
  EXPECT_NE(pattern(1).find('x'), std::string::npos);
}

}  // namespace
}  // namespace holdfast::storage
