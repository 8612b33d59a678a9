#include "repository/key_removal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/host.h"
#include "repository/document.h"
#include "repository/key_object.h"
#include "repository/test_repository.h"
#include "repository/test_turns.h"
#include "storage/fault_store.h"

namespace holdfast::repository {
namespace {

// Keys without a secret, so that nothing has to be derived: all else about them is the same.
class KeyRemoval : public testing::Test {
 protected:
  KeyRemoval() { first = list_keys(at.store).front(); }

  KeyInfo add(std::string_view label) {
    return add_key(at.store, at.repository.config(), at.repository.keys().master, KeyKind::kOpen,
                   {}, label, at.clock.now(), kFastCost);
  }
  // As a removal leaves it whose process ended before it removed the key.
  void announce(const KeyInfo& key, const env::ProcessIdentity& process) {
    const std::string name =
        std::string(kLeavingPrefix) + key.id.hex() + "-" + std::string(32, '7');
    const std::string text = R"({"host":")" + process.host + R"(","boot":")" + process.boot_id +
                             R"(","pid":)" + std::to_string(process.pid) + R"(,"start_ticks":)" +
                             std::to_string(process.start_ticks) + "}";
    at.store.put(
        name,
        seal_document(at.repository.keys().documents, DocumentKind::kLeaving, name, as_bytes(text)),
        {});
  }
  void remove(const KeyInfo& key) { remove_key(at.repository, key.id); }
  bool is_there(const KeyInfo& key) const {
    return at.store.objects.contains(key_object_name(key.id));
  }
  bool leaves_nothing_behind() const {
    return std::ranges::none_of(
        at.store.objects, [](const auto& object) { return object.first.starts_with("leaving/"); });
  }

  TestRepository at;
  KeyInfo first;
};

TEST_F(KeyRemoval, TakesAnyKeyButTheLastIntactOne) {
  const KeyInfo second = add("second");
  remove(first);
  EXPECT_FALSE(is_there(first));
  expect_error(ErrorCode::kLastKey, [&] { remove(second); });
  expect_error(ErrorCode::kKeyMissing, [&] { remove(first); });
  EXPECT_TRUE(is_there(second));
  EXPECT_TRUE(leaves_nothing_behind());
}

TEST_F(KeyRemoval, DoesNotCountDamagedKeysAndTakesThem) {
  const KeyInfo damaged = add("damaged");
  at.store.objects[key_object_name(damaged.id)].pop_back();
  expect_error(ErrorCode::kLastKey, [&] { remove(first); });
  remove(damaged);
  EXPECT_FALSE(is_there(damaged));
  EXPECT_TRUE(leaves_nothing_behind());
}

TEST_F(KeyRemoval, DoesNotCountOnAKeyThatALivingProcessIsRemoving) {
  const KeyInfo second = add("second");
  announce(second, env::this_process());
  const auto error = error_of([&] { remove(first); });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code(), ErrorCode::kLastKey);
  EXPECT_NE(error->happened().find(second.id.hex()), std::string::npos) << error->happened();
  EXPECT_TRUE(is_there(first));
  remove(second);
  EXPECT_FALSE(is_there(second));
}

TEST_F(KeyRemoval, CountsOnAKeyWhoseRemovalDied) {
  const KeyInfo second = add("second");
  env::ProcessIdentity dead = env::this_process();
  dead.start_ticks += 1;
  announce(second, dead);
  remove(first);
  EXPECT_TRUE(is_there(second));
  EXPECT_TRUE(leaves_nothing_behind());
}

TEST_F(KeyRemoval, DoesNotCountOnAKeyWhoseAnnouncementCannotBeRead) {
  const KeyInfo second = add("second");
  announce(second, env::this_process());
  for (auto& [name, content] : at.store.objects) {
    if (name.starts_with(kLeavingPrefix)) content.back() ^= std::byte{1};
  }
  expect_error(ErrorCode::kLastKey, [&] { remove(first); });
}

TEST_F(KeyRemoval, ClearsAwayAnnouncementsOfKeysThatAreGone) {
  const KeyInfo second = add("second"), third = add("third");
  announce(second, env::this_process());
  at.store.remove(key_object_name(second.id));
  remove(first);
  EXPECT_TRUE(is_there(third));
  EXPECT_TRUE(leaves_nothing_behind());
}

// Whatever fails, before or after it had its effect, one key is left, and the next removal knows
// what it may do.
TEST_F(KeyRemoval, KeepsAKeyWhateverRequestFails) {
  const KeyInfo second = add("second");
  const auto prepared = at.store.objects;
  for (const auto kind : {storage::Fault::Kind::kFail, storage::Fault::Kind::kFailAfter}) {
    for (std::uint64_t skip = 0;; ++skip) {
      ASSERT_LT(skip, 30);
      at.store.objects = prepared;
      storage::FaultStore store(at.store, 1);
      const Repository repository = Repository::open(store, at.clock, std::nullopt);
      store.inject({.kind = kind, .skip = skip, .times = 1});
      try {
        remove_key(repository, first.id);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
      }
      const bool met = store.faults() > 0;
      store.repair();
      EXPECT_TRUE(is_there(second));
      if (is_there(first)) remove_key(repository, first.id);
      expect_error(ErrorCode::kLastKey, [&] { remove_key(repository, second.id); });
      if (!met) break;
    }
  }
}

// Each order of the choices that a run makes, one after the other.
class EveryOrder {
 public:
  std::size_t choose(std::size_t options) {
    if (depth_ == taken_.size()) taken_.push_back({0, options});
    return taken_[depth_++].first;
  }
  // False when there is no other order.
  bool next() {
    depth_ = 0;
    while (!taken_.empty() && taken_.back().first + 1 == taken_.back().second) taken_.pop_back();
    if (taken_.empty()) return false;
    ++taken_.back().first;
    return true;
  }

 private:
  std::vector<std::pair<std::size_t, std::size_t>> taken_;  // of so many options
  std::size_t depth_ = 0;
};

// Looking at one object takes no turn of its own: it goes with the request before it, which is one
// of the orders in which it can come. So the orders stay few enough to try each.
class LargeTurnStore final : public storage::StoreDecorator {
 public:
  LargeTurnStore(storage::Store& base, Turns& turns) : StoreDecorator(base), turns_(base, turns) {}
  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    turns_.put(name, content, options);
  }
  void list(std::string_view prefix, const Visitor& visit) override { turns_.list(prefix, visit); }
  void remove(std::string_view name) override { turns_.remove(name); }
  void begin() { turns_.begin(); }
  void leave() { turns_.leave(); }

 private:
  TurnStore turns_;
};

// Notices the moment at which no key is left: a process may end at any.
class WatchedStore final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  void remove(std::string_view name) override {
    StoreDecorator::remove(name);
    bool any = false;
    list(kKeyPrefix, [&](std::string_view, const auto&) { any = true; });
    without_key = without_key || !any;
  }
  bool without_key = false;
};

class SimultaneousKeyRemoval : public KeyRemoval {
 protected:
  // Two remove these keys at once, in every order of their requests. Tells for each order how many
  // of the two were refused.
  std::vector<int> remove_in_every_order(const std::vector<KeyInfo>& keys) {
    std::vector<int> refused;
    EveryOrder order;
    do {
      Turns turns([&](std::size_t options) { return order.choose(options); });
      refused.push_back(remove_in_turn<LargeTurnStore>(keys, turns));
    } while (order.next() && !HasFailure());
    return refused;
  }
  // The same with turns for each look, in orders that follow from seeds.
  std::vector<int> remove_in_many_orders(const std::vector<KeyInfo>& keys) {
    const char* given = std::getenv("HOLDFAST_SEED");
    const std::uint64_t base =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::vector<int> refused;
    for (std::uint64_t seed = base; seed < base + 300 && !HasFailure(); ++seed) {
      SCOPED_TRACE(testing::Message() << "HOLDFAST_SEED=" << seed);
      std::mt19937_64 random(seed);
      Turns turns([&](std::size_t options) { return random() % options; });
      refused.push_back(remove_in_turn<TurnStore>(keys, turns));
    }
    return refused;
  }

 private:
  template <typename OneStore>
  int remove_in_turn(const std::vector<KeyInfo>& keys, Turns& turns) {
    if (prepared_.empty()) prepared_ = at.store.objects;
    at.store.objects = prepared_;
    WatchedStore watched(at.store);
    std::vector<std::unique_ptr<OneStore>> stores;
    std::vector<Repository> repositories;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      stores.push_back(std::make_unique<OneStore>(watched, turns));
      repositories.push_back(Repository::open(*stores.back(), at.clock, std::nullopt));
    }
    for (const auto& store : stores) store->begin();
    std::atomic<int> refused = 0;
    std::vector<std::jthread> actors;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      actors.emplace_back([&, i] {
        try {
          remove_key(repositories[i], keys[i].id);
        } catch (const Error& error) {
          EXPECT_TRUE(error.code() == ErrorCode::kLastKey || error.code() == ErrorCode::kKeyMissing)
              << error.happened();
          ++refused;
        }
        stores[i]->leave();
      });
    }
    actors.clear();
    EXPECT_FALSE(watched.without_key) << "for a moment there was no key";
    EXPECT_TRUE(leaves_nothing_behind());
    return refused;
  }

  std::map<std::string, Bytes, std::less<>> prepared_;
};

TEST_F(SimultaneousKeyRemoval, OfTheLastTwoKeysLeavesOneInEveryOrder) {
  const KeyInfo second = add("second");
  const std::vector<int> refused = remove_in_every_order({first, second});
  EXPECT_GT(refused.size(), 100);
  EXPECT_EQ(std::ranges::count(refused, 0), 0);
  EXPECT_GT(std::ranges::count(refused, 1), 0);
}

TEST_F(SimultaneousKeyRemoval, OfTheLastTwoKeysLeavesOneHoweverSlowlyTheyLook) {
  const KeyInfo second = add("second");
  EXPECT_EQ(std::ranges::count(remove_in_many_orders({first, second}), 0), 0);
}

TEST_F(SimultaneousKeyRemoval, OfOneKeyTakesItOnce) {
  const KeyInfo second = add("second");
  const std::vector<int> refused = remove_in_every_order({first, first});
  EXPECT_EQ(std::ranges::count(refused, 1), static_cast<std::ptrdiff_t>(refused.size()));
  EXPECT_TRUE(is_there(second));
}

TEST_F(SimultaneousKeyRemoval, OfTwoKeysOutOfThreeTakesBoth) {
  const KeyInfo second = add("second"), third = add("third");
  const std::vector<int> refused = remove_in_every_order({first, second});
  EXPECT_EQ(std::ranges::count(refused, 0), static_cast<std::ptrdiff_t>(refused.size()));
  EXPECT_TRUE(is_there(third));
}

}  // namespace
}  // namespace holdfast::repository
