// Lets actors that work on one store take turns, one request at a time, in an order that follows
// from a seed or is chosen by the test.
#ifndef HOLDFAST_REPOSITORY_TEST_TURNS_H_
#define HOLDFAST_REPOSITORY_TEST_TURNS_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "storage/store_decorator.h"

namespace holdfast::repository {

// Each request waits until every actor that has not finished asks for one; then one of them goes.
class Turns {
 public:
  explicit Turns(std::uint64_t seed) : random_(seed) {}
  // `choose` is told how many actors there are to choose from, and answers which one goes.
  explicit Turns(std::function<std::size_t(std::size_t)> choose) : chooser_(std::move(choose)) {}

  std::size_t join() {
    const std::scoped_lock lock(mutex_);
    actors_.push_back({});
    return actors_.size() - 1;
  }
  void take(std::size_t actor) {
    std::unique_lock lock(mutex_);
    ++actors_[actor].waiting;
    choose();
    changed_.wait(lock, [&] { return chosen_ == static_cast<std::ptrdiff_t>(actor); });
    --actors_[actor].waiting;
    chosen_ = kNobody;
    running_ = true;
  }
  // The request is over.
  void give_back() {
    const std::scoped_lock lock(mutex_);
    running_ = false;
    choose();
  }
  void leave(std::size_t actor) {
    const std::scoped_lock lock(mutex_);
    actors_[actor].finished = true;
    choose();
  }

 private:
  static constexpr std::ptrdiff_t kNobody = -1;
  // A backup and a prune take some twenty requests each. With fair turns one would never begin when
  // the other is nearly done.
  static constexpr std::uint64_t kLongestBurst = 24;
  struct Actor {
    int waiting = 0;
    bool finished = false;
  };

  void choose() {
    if (running_ || chosen_ != kNobody) return;
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      if (actors_[i].finished) continue;
      if (actors_[i].waiting == 0) return;
      candidates.push_back(i);
    }
    if (candidates.empty()) return;
    if (chooser_) {
      chosen_ = static_cast<std::ptrdiff_t>(candidates.at(chooser_(candidates.size())));
      changed_.notify_all();
      return;
    }
    if (burst_ == 0 || actors_[favourite_].finished) {
      favourite_ = candidates[random_() % candidates.size()];
      burst_ = 1 + random_() % kLongestBurst;
    }
    --burst_;
    chosen_ = static_cast<std::ptrdiff_t>(favourite_);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<std::size_t(std::size_t)> chooser_;
  std::mt19937_64 random_;
  std::vector<Actor> actors_;
  std::size_t favourite_ = 0;
  std::uint64_t burst_ = 0;
  std::ptrdiff_t chosen_ = kNobody;
  bool running_ = false;
};

// One actor's view of the store. Requests before begin() take no turns.
class TurnStore final : public storage::StoreDecorator {
 public:
  TurnStore(storage::Store& base, Turns& turns)
      : StoreDecorator(base), turns_(turns), actor_(turns.join()) {}

  void put(std::string_view name, ByteView content, storage::PutOptions options) override {
    in_turn([&] { base().put(name, content, options); });
  }
  Bytes get(std::string_view name) override {
    return in_turn([&] { return base().get(name); });
  }
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    in_turn([&] { base().get_range(name, offset, out); });
  }
  std::optional<storage::ObjectStatus> stat(std::string_view name) override {
    return in_turn([&] { return base().stat(name); });
  }
  void list(std::string_view prefix, const Visitor& visit) override {
    in_turn([&] { base().list(prefix, visit); });
  }
  void remove_many(std::span<const std::string> names) override { Store::remove_many(names); }
  void remove(std::string_view name) override {
    in_turn([&] { base().remove(name); });
  }
  void begin() { begun_ = true; }
  void leave() { turns_.leave(actor_); }

 private:
  template <typename Request>
  std::invoke_result_t<Request> in_turn(const Request& request) {
    if (!begun_) return request();
    turns_.take(actor_);
    struct End {
      Turns& turns;
      ~End() { turns.give_back(); }
    } end{turns_};
    return request();
  }

  Turns& turns_;
  const std::size_t actor_;
  bool begun_ = false;
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TEST_TURNS_H_
