// The tests that every store must pass: one for each sentence of the contract in storage/store.h. A
// test program includes this once and instantiates StoreConformance with its stores.
#ifndef HOLDFAST_STORAGE_STORE_CONFORMANCE_H_
#define HOLDFAST_STORAGE_STORE_CONFORMANCE_H_

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/test_errors.h"
#include "storage/store.h"

namespace holdfast::storage {

// A place for objects that is empty at first, and what surrounds it.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  virtual Store& store() = 0;
  // The same objects as another process sees them.
  virtual Store& other() = 0;
  // Stops everything, loses what a power loss may lose, and comes back. False where that cannot be
  // simulated.
  virtual bool lose_power(std::uint64_t /*seed*/) { return false; }
};

struct StoreCase {
  std::string name;
  std::function<std::unique_ptr<StorePlace>()> make;
};
inline void PrintTo(const StoreCase& one, std::ostream* out) { *out << one.name; }

class StoreConformance : public testing::TestWithParam<StoreCase> {
 protected:
  static constexpr PutOptions kReplacing{.mode = PutMode::kReplace};

  Store& store() { return place_->store(); }
  Store& other() { return place_->other(); }
  StorePlace& place() { return *place_; }

  static std::string text_of(Store& store, std::string_view name) {
    return std::string(as_text(store.get(name)));
  }
  static std::string range_of(Store& store, std::string_view name, std::uint64_t offset,
                              std::size_t size) {
    Bytes out(size);
    store.get_range(name, offset, out);
    return std::string(as_text(out));
  }
  static std::vector<std::string> names_in(Store& store, std::string_view prefix) {
    std::vector<std::string> names;
    store.list(prefix,
               [&](std::string_view name, const ObjectStatus&) { names.emplace_back(name); });
    std::vector<std::string> without_status;
    store.list_names(prefix, [&](std::string_view name) { without_status.emplace_back(name); });
    EXPECT_EQ(without_status, names);
    return names;
  }
  static Bytes random_bytes(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
  }
  static void in_threads(int count, const std::function<void(int)>& work) {
    std::latch start(count);
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        work(i);
      });
    }
  }

 private:
  const std::unique_ptr<StorePlace> place_ = GetParam().make();
};

// Names

TEST_P(StoreConformance, TakesEveryLegalName) {
  const std::vector<std::string> names = {
      "a",        "packs/0123456789abcdef", "a.b/c-d_e/9", "...", ".hidden", "x/..y", "tmp/x", "-",
      "_/_/_/_/_"};
  for (const auto& name : names) store().put(name, as_bytes(name));
  for (const auto& name : names) EXPECT_EQ(text_of(store(), name), name);
  EXPECT_EQ(names_in(store(), "").size(), names.size());
}

TEST_P(StoreConformance, RefusesEveryOtherName) {
  Bytes out(1);
  for (const std::string name : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.",
                                 "A", "a b", "a\\b", "\xc3\xa4", "a+b", "a:b", "a\n"}) {
    EXPECT_EQ(code_of([&] { store().put(name, {}); }), ErrorCode::kInternal) << name;
    EXPECT_EQ(code_of([&] { store().put(name, {}, kReplacing); }), ErrorCode::kInternal) << name;
    EXPECT_EQ(code_of([&] { store().get(name); }), ErrorCode::kInternal) << name;
    EXPECT_EQ(code_of([&] { store().get_range(name, 0, out); }), ErrorCode::kInternal) << name;
    EXPECT_EQ(code_of([&] { store().stat(name); }), ErrorCode::kInternal) << name;
    EXPECT_EQ(code_of([&] { store().remove(name); }), ErrorCode::kInternal) << name;
  }
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(code_of([&] { store().put(with_nul, {}); }), ErrorCode::kInternal);
  EXPECT_TRUE(names_in(store(), "").empty());
}

// Content

TEST_P(StoreConformance, ContentIsOpaque) {
  Bytes content(256);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i);
  store().put("a", content);
  EXPECT_EQ(store().get("a"), content);
}

TEST_P(StoreConformance, AnObjectMayBeEmpty) {
  store().put("a", {});
  EXPECT_TRUE(store().get("a").empty());
  EXPECT_EQ(store().stat("a")->size, 0u);
  EXPECT_EQ(range_of(store(), "a", 0, 0), "");
  EXPECT_THAT(names_in(store(), ""), testing::ElementsAre("a"));
}

TEST_P(StoreConformance, AnObjectMayBeLarge) {
  const Bytes content = random_bytes(20'000'003, 1);
  store().put("packs/large", content);
  EXPECT_TRUE(store().get("packs/large") == content);
  EXPECT_EQ(store().stat("packs/large")->size, content.size());
  Bytes out(1'000'000);
  store().get_range("packs/large", 19'000'003, out);
  EXPECT_TRUE(std::equal(out.begin(), out.end(), content.begin() + 19'000'003));
}

// Creating and replacing

TEST_P(StoreConformance, CreatingNeverReplaces) {
  store().put("a", as_bytes("old"));
  EXPECT_EQ(code_of([&] { store().put("a", as_bytes("new")); }), ErrorCode::kAlreadyExists);
  EXPECT_EQ(code_of([&] { other().put("a", as_bytes("new")); }), ErrorCode::kAlreadyExists);
  EXPECT_EQ(text_of(store(), "a"), "old");
}

TEST_P(StoreConformance, CreatingIsPossibleAgainAfterARemoval) {
  store().put("a", as_bytes("old"));
  store().remove("a");
  store().put("a", as_bytes("new"));
  EXPECT_EQ(text_of(store(), "a"), "new");
}

TEST_P(StoreConformance, ReplacingTakesThePlaceOfTheOldOrOfNothing) {
  store().put("leases/a", as_bytes("first"), kReplacing);
  EXPECT_EQ(text_of(store(), "leases/a"), "first");
  store().put("leases/a", as_bytes("2nd"), kReplacing);
  EXPECT_EQ(text_of(store(), "leases/a"), "2nd");
  EXPECT_EQ(store().stat("leases/a")->size, 3u);
  EXPECT_EQ(range_of(store(), "leases/a", 1, 2), "nd");
}

TEST_P(StoreConformance, ExactlyOneOfSeveralCreatorsWins) {
  if (!store().capabilities().exclusive_create) GTEST_SKIP() << "this store has no such creation";
  for (int round = 0; round < 50; ++round) {
    const std::string name = fmt::format("leases/{}", round);
    std::atomic<int> winner = -1, winners = 0, losers = 0;
    in_threads(8, [&](int i) {
      try {
        (i % 2 == 0 ? store() : other()).put(name, as_bytes(fmt::format("by {}", i)));
        winner = i;
        ++winners;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kAlreadyExists);
        ++losers;
      }
    });
    ASSERT_EQ(winners, 1);
    ASSERT_EQ(losers, 7);
    ASSERT_EQ(text_of(store(), name), fmt::format("by {}", winner.load()));
  }
}

TEST_P(StoreConformance, AReplacedObjectIsReadOldOrNewButNeverMixed) {
  const Bytes even(100'000, std::byte{'e'}), odd(70'000, std::byte{'o'});
  store().put("a", even);
  std::atomic<bool> done = false;
  in_threads(3, [&](int i) {
    if (i == 0) {
      for (int round = 1; round <= 100; ++round) {
        store().put("a", round % 2 == 0 ? even : odd, kReplacing);
      }
      done = true;
      return;
    }
    do {
      const Bytes seen = (i == 1 ? store() : other()).get("a");
      ASSERT_TRUE(seen == even || seen == odd) << seen.size();
    } while (!done);
  });
}

// Reading

TEST_P(StoreConformance, ReadsAnyRange) {
  store().put("a", as_bytes("0123456789"));
  EXPECT_EQ(range_of(store(), "a", 0, 10), "0123456789");
  EXPECT_EQ(range_of(store(), "a", 3, 4), "3456");
  EXPECT_EQ(range_of(store(), "a", 9, 1), "9");
  EXPECT_EQ(range_of(store(), "a", 10, 0), "");
}

TEST_P(StoreConformance, ARangePastTheEndMeansADamagedObject) {
  store().put("a", as_bytes("0123456789"));
  const std::pair<std::uint64_t, std::size_t> ranges[] = {
      {0, 11}, {9, 2}, {10, 1}, {11, 0}, {~std::uint64_t{0}, 2}, {std::uint64_t{1} << 63, 1}};
  for (const auto& [offset, size] : ranges) {
    EXPECT_EQ(code_of([&] { range_of(store(), "a", offset, size); }), ErrorCode::kDamagedObject)
        << offset << "+" << size;
  }
}

TEST_P(StoreConformance, WhatIsNotThereIsNotFound) {
  store().put("d/a", as_bytes("x"));
  Bytes out(1);
  for (const char* name : {"absent", "d/absent", "absent/a", "d", "d/a.b"}) {
    EXPECT_EQ(code_of([&] { store().get(name); }), ErrorCode::kNotFound) << name;
    EXPECT_EQ(code_of([&] { store().get_range(name, 0, out); }), ErrorCode::kNotFound) << name;
    EXPECT_EQ(code_of([&] { store().remove(name); }), ErrorCode::kNotFound) << name;
    EXPECT_FALSE(store().stat(name).has_value()) << name;
  }
}

TEST_P(StoreConformance, AnEmptyPlaceHoldsNothing) {
  EXPECT_TRUE(names_in(store(), "").empty());
  EXPECT_TRUE(names_in(store(), "packs/").empty());
  EXPECT_FALSE(store().stat("config").has_value());
  EXPECT_EQ(code_of([&] { store().get("config"); }), ErrorCode::kNotFound);
}

// Visibility

TEST_P(StoreConformance, OthersSeeAnObjectAtOnce) {
  store().put("a/b", as_bytes("text"));
  EXPECT_EQ(text_of(other(), "a/b"), "text");
  EXPECT_EQ(range_of(other(), "a/b", 1, 2), "ex");
  EXPECT_EQ(other().stat("a/b")->size, 4u);
  if (store().capabilities().linearizable) {
    EXPECT_THAT(names_in(other(), ""), testing::ElementsAre("a/b"));
  }
}

TEST_P(StoreConformance, NobodySeesARemovedObject) {
  store().put("a/b", as_bytes("text"));
  EXPECT_EQ(range_of(store(), "a/b", 0, 4), "text");
  EXPECT_EQ(range_of(other(), "a/b", 0, 4), "text");
  store().remove("a/b");
  Bytes out(1);
  for (Store* view : {&store(), &other()}) {
    EXPECT_EQ(code_of([&] { view->get("a/b"); }), ErrorCode::kNotFound);
    EXPECT_EQ(code_of([&] { view->get_range("a/b", 0, out); }), ErrorCode::kNotFound);
    EXPECT_EQ(code_of([&] { view->remove("a/b"); }), ErrorCode::kNotFound);
    EXPECT_FALSE(view->stat("a/b").has_value());
    if (view->capabilities().linearizable) {
      EXPECT_TRUE(names_in(*view, "").empty());
    }
  }
}

TEST_P(StoreConformance, ARangeIsReadFromTheObjectThatIsThereNow) {
  store().put("a", as_bytes("old!"));
  EXPECT_EQ(range_of(other(), "a", 0, 4), "old!");
  store().put("a", as_bytes("new!"), kReplacing);
  EXPECT_EQ(range_of(store(), "a", 0, 4), "new!");
  EXPECT_EQ(range_of(other(), "a", 0, 4), "new!");
}

TEST_P(StoreConformance, ReadsRangesOfMoreObjectsThanItKeepsOpen) {
  constexpr int kObjects = 200;
  for (int i = 0; i < kObjects; ++i) {
    store().put(fmt::format("packs/{}", i), as_bytes(fmt::format("{:04}", i)));
  }
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kObjects; ++i) {
      EXPECT_EQ(range_of(store(), fmt::format("packs/{}", i), 0, 4), fmt::format("{:04}", i));
    }
  }
}

// Removing many

TEST_P(StoreConformance, RemovesManyAndPassesOverWhatIsNotThere) {
  for (const char* name : {"a/1", "a/2", "a/3", "b/1", "b/2"}) store().put(name, as_bytes(name));
  const std::vector<std::string> names = {"a/1", "a/3", "a/4", "absent/x", "b/1", "a/1"};
  store().remove_many(names);
  EXPECT_THAT(names_in(store(), ""), testing::ElementsAre("a/2", "b/2"));
  EXPECT_EQ(code_of([&] { other().get("a/1"); }), ErrorCode::kNotFound);
  store().remove_many({});
  EXPECT_THAT(names_in(store(), ""), testing::ElementsAre("a/2", "b/2"));
}

TEST_P(StoreConformance, RemovesNoManyOfIllegalNames) {
  store().put("a/1", {});
  const std::vector<std::string> names = {"a/../a/1"};
  EXPECT_EQ(code_of([&] { store().remove_many(names); }), ErrorCode::kInternal);
  EXPECT_TRUE(store().stat("a/1").has_value());
}

TEST_P(StoreConformance, TheManyThatWereRemovedStaySoAfterAPowerLoss) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<std::string> names;
    for (int i = 0; i < 12; ++i) names.push_back(fmt::format("d{}/{}", i % 3, i));
    for (const std::string& name : names) store().put(name, as_bytes(name));
    store().remove_many(names);
    if (!place().lose_power(seed)) GTEST_SKIP() << "no power loss to simulate here";
    EXPECT_TRUE(names_in(store(), "").empty()) << "seed " << seed;
  }
}

// Listing

TEST_P(StoreConformance, ListsInOrderOfTheWholeName) {
  const std::vector<std::string> sorted = {"a",   "a-b/c", "a-c", "a.d", "a_/x",
                                           "b/a", "b/b/c", "b/c", "b0",  "c"};
  std::vector<std::string> shuffled = sorted;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(7));
  for (const auto& name : shuffled) store().put(name, as_bytes(name));
  std::vector<std::string> expected = sorted;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names_in(store(), ""), expected);
}

TEST_P(StoreConformance, APrefixIsAnyBeginningOfAName) {
  for (const char* name :
       {"packs/aa", "packs/ab", "packs/ab0/x", "packs/b", "packs2", "p", "q/a"}) {
    store().put(name, {});
  }
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(names_in(store(), "packs/"),
              ElementsAre("packs/aa", "packs/ab", "packs/ab0/x", "packs/b"));
  EXPECT_THAT(names_in(store(), "packs/a"), ElementsAre("packs/aa", "packs/ab", "packs/ab0/x"));
  EXPECT_THAT(names_in(store(), "packs/ab"), ElementsAre("packs/ab", "packs/ab0/x"));
  EXPECT_THAT(names_in(store(), "packs/ab0/x"), ElementsAre("packs/ab0/x"));
  EXPECT_THAT(names_in(store(), "packs"),
              ElementsAre("packs/aa", "packs/ab", "packs/ab0/x", "packs/b", "packs2"));
  EXPECT_THAT(names_in(store(), "packs/aa/"), IsEmpty());
  EXPECT_THAT(names_in(store(), "packs/aab"), IsEmpty());
  EXPECT_THAT(names_in(store(), "absent/"), IsEmpty());
}

TEST_P(StoreConformance, NoObjectHasAnIllegalPrefix) {
  store().put("a/b", {});
  for (const char* prefix : {"/", "../", "a/../a/", "./", "A", "a//", "//"}) {
    EXPECT_THAT(names_in(store(), prefix), testing::IsEmpty()) << prefix;
  }
}

TEST_P(StoreConformance, AListTellsTheSameAsStat) {
  store().put("a", as_bytes("12345"));
  store().put("b/c", as_bytes("123"));
  int seen = 0;
  std::vector<std::pair<std::string, ObjectStatus>> listed;
  store().list("", [&](std::string_view name, const ObjectStatus& status) {
    listed.emplace_back(name, status);
  });
  for (const auto& [name, status] : listed) {
    const auto single = store().stat(name);
    ASSERT_TRUE(single.has_value());
    EXPECT_EQ(single->size, status.size);
    EXPECT_EQ(single->modified, status.modified);
    ++seen;
  }
  EXPECT_EQ(seen, 2);
}

TEST_P(StoreConformance, TheTimeOfAnObjectIsNotBeforeThatOfAnEarlierOne) {
  store().put("a", as_bytes("x"));
  store().put("b", as_bytes("x"));
  EXPECT_LE(store().stat("a")->modified, store().stat("b")->modified);
  const Time before = store().stat("a")->modified;
  store().put("a", as_bytes("y"), kReplacing);
  EXPECT_GE(store().stat("a")->modified, before);
}

// Durability

TEST_P(StoreConformance, WhatPutReturnedForSurvivesAPowerLoss) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::string folder = fmt::format("packs{}/", seed);
    const Bytes content = random_bytes(10'000, seed);
    store().put(folder + "a", content);
    store().put(folder + "b/c", as_bytes("old"));
    store().put(folder + "b/c", as_bytes("new"), kReplacing);
    if (!place().lose_power(seed)) GTEST_SKIP() << "no power loss to simulate here";
    EXPECT_TRUE(store().get(folder + "a") == content) << "seed " << seed;
    EXPECT_EQ(text_of(store(), folder + "b/c"), "new") << "seed " << seed;
    EXPECT_EQ(names_in(store(), folder).size(), 2u) << "seed " << seed;
  }
}

TEST_P(StoreConformance, WhatWasRemovedStaysSoAfterAPowerLoss) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    store().put("a", as_bytes("x"));
    store().remove("a");
    if (!place().lose_power(seed)) GTEST_SKIP() << "no power loss to simulate here";
    EXPECT_FALSE(store().stat("a").has_value()) << "seed " << seed;
  }
}

TEST_P(StoreConformance, AnEphemeralObjectIsSeenByAllUntilThePowerIsLost) {
  store().put("intents/a", as_bytes("beat"), {.ephemeral = true});
  store().put("intents/a", as_bytes("beat 2"), {.mode = PutMode::kReplace, .ephemeral = true});
  EXPECT_EQ(text_of(other(), "intents/a"), "beat 2");
  store().put("packs/a", as_bytes("kept"));
  if (!place().lose_power(0)) GTEST_SKIP() << "no power loss to simulate here";
  EXPECT_EQ(text_of(store(), "packs/a"), "kept");
  EXPECT_NO_THROW(names_in(store(), ""));
}

// Threads

TEST_P(StoreConformance, EveryMemberMayBeCalledFromSeveralThreadsAtOnce) {
  store().put("shared", as_bytes("shared"));
  in_threads(8, [&](int i) {
    for (int round = 0; round < 20; ++round) {
      const std::string name = fmt::format("d{}/{}-{}", round % 3, i, round);
      store().put(name, as_bytes(name));
      ASSERT_EQ(text_of(store(), name), name);
      ASSERT_EQ(range_of(store(), "shared", 2, 3), "are");
      ASSERT_EQ(store().stat(name)->size, name.size());
      ASSERT_THAT(names_in(store(), name), testing::ElementsAre(name));
      if (round % 2 == 0) store().remove(name);
    }
  });
  EXPECT_EQ(names_in(store(), "d").size(), 80u);
}

TEST_P(StoreConformance, SaysWhereItIs) {
  EXPECT_FALSE(store().capabilities().description.empty());
}

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_STORE_CONFORMANCE_H_
