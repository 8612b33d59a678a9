#include "engine/replicate/replication.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/error.h"
#include "repository/index_memory.h"

namespace holdfast::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn{10};
constexpr unsigned kFinishers = 8;
constexpr unsigned kMostSteps = 2;

// A database has up to three files open while it is active.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

struct Follower {
  Follower(const repository::Repository& repository, env::FileSystem& files,
           ReplicationOptions options, Progress& progress)
      : path(options.database.path), replicator(repository, files, std::move(options), progress) {}

  env::Path path;
  DatabaseReplicator replicator;
  env::WatchKey key = 0;
  bool removed = false, woken = false, ready = false;  // in the queue of those to be stepped
  unsigned stepping = 0;  // threads; a second one looks while the first waits for the store
  bool scan_wanted = false, scanning = false, resting = false;
  Clock::time_point step_at = Clock::time_point::max(), rest_at = Clock::time_point::max();
  std::optional<Clock::time_point> timer;  // its entry in the timers
  std::size_t overlay = 0;
};
using FollowerPointer = std::shared_ptr<Follower>;

}  // namespace

class Replication::Implementation {
 public:
  Implementation(const repository::Repository& repository, env::FileSystem& files,
                 ReplicationLimits limits, Progress& progress);
  ~Implementation() { stop_threads(); }

  void add(ReplicationOptions options);
  void remove(std::string_view database);
  void watch_directory(const env::Path& directory, std::function<void()> look);
  std::vector<FollowerState> states() const;
  bool wait_until_following(Duration longest);
  repository::Position flush(std::string_view database, Duration longest);
  bool finish();

 private:
  void stop_threads();
  void watch(std::stop_token stop);
  void work(std::stop_token stop);
  void scan(std::stop_token stop);
  // With the mutex held:
  void make_ready(const FollowerPointer& follower);
  void want_scan(const FollowerPointer& follower);
  void set_timer(const FollowerPointer& follower);
  void take_due_timers();
  void step(std::unique_lock<std::mutex>& lock, const FollowerPointer& follower);
  void bound_memory();
  FollowerPointer find(std::string_view database) const;
  std::vector<FollowerPointer> all() const;

  const repository::Repository& repository_;
  const repository::KeptIndex kept_index_;  // each scan and each closing loads the index
  const SharedSnapshots shared_snapshots_;
  env::FileSystem& files_;
  const ReplicationLimits limits_;
  Progress& progress_;
  const std::unique_ptr<env::FileWatch> watch_;

  mutable std::mutex mutex_;
  std::condition_variable_any work_, scans_changed_, idle_;
  std::map<std::string, FollowerPointer, std::less<>> followers_;
  std::map<env::WatchKey, std::weak_ptr<Follower>> by_key_;
  std::map<env::WatchKey, std::function<void()>> directories_;
  std::deque<FollowerPointer> ready_, scans_;
  std::deque<std::function<void()>> looks_;  // at directories, on the thread that scans
  std::set<std::pair<Clock::time_point, FollowerPointer>> timers_;
  std::size_t overlay_bytes_ = 0;  // of all followers, as of their last steps
  std::vector<std::jthread> threads_;
};

Replication::Implementation::Implementation(const repository::Repository& repository,
                                            env::FileSystem& files, ReplicationLimits limits,
                                            Progress& progress)
    : repository_(repository),
      kept_index_(repository),
      shared_snapshots_(repository),
      files_(files),
      limits_(limits),
      progress_(progress),
      watch_(env::open_file_watch()) {
  raise_descriptor_limit();
  threads_.emplace_back([this](std::stop_token stop) { watch(std::move(stop)); });
  threads_.emplace_back([this](std::stop_token stop) { scan(std::move(stop)); });
  for (unsigned i = 0; i < std::max(1u, limits_.workers); ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

void Replication::Implementation::stop_threads() {
  for (std::jthread& thread : threads_) thread.request_stop();
  watch_->wake();
  threads_.clear();
}

void Replication::Implementation::make_ready(const FollowerPointer& follower) {
  if (follower->ready || follower->stepping == kMostSteps || follower->removed) return;
  follower->ready = true;
  ready_.push_back(follower);
  work_.notify_one();
}

void Replication::Implementation::want_scan(const FollowerPointer& follower) {
  if (follower->scan_wanted || follower->scanning || follower->removed) return;
  follower->scan_wanted = true;
  scans_.push_back(follower);
  scans_changed_.notify_one();
}

void Replication::Implementation::set_timer(const FollowerPointer& follower) {
  if (follower->timer) timers_.erase({*follower->timer, follower});
  follower->timer.reset();
  if (follower->removed) return;
  const Clock::time_point moment = std::min(follower->step_at, follower->rest_at);
  if (moment == Clock::time_point::max()) return;
  follower->timer = moment;
  timers_.emplace(moment, follower);
  if (timers_.begin()->second == follower) work_.notify_one();
}

void Replication::Implementation::take_due_timers() {
  const Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const FollowerPointer follower = timers_.begin()->second;
    timers_.erase(timers_.begin());
    follower->timer.reset();
    make_ready(follower);
  }
}

void Replication::Implementation::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    take_due_timers();
    if (!ready_.empty()) {
      const FollowerPointer follower = std::move(ready_.front());
      ready_.pop_front();
      follower->ready = false;
      if (!follower->removed) step(lock, follower);
      continue;
    }
    const auto has_work = [this] { return !ready_.empty(); };
    if (timers_.empty()) {
      work_.wait(lock, stop, [&] { return has_work() || !timers_.empty(); });
    } else {
      const Clock::time_point first = timers_.begin()->first;
      work_.wait_until(lock, stop, first, [&] {
        return has_work() || timers_.empty() || timers_.begin()->first < first;
      });
    }
  }
}

void Replication::Implementation::step(std::unique_lock<std::mutex>& lock,
                                       const FollowerPointer& follower) {
  const bool woken = std::exchange(follower->woken, false);
  const Clock::time_point now = Clock::now();
  const bool rest = !woken && follower->rest_at <= now && follower->step_at > now;
  if (woken) follower->resting = false;
  if (follower->stepping++ == 0 || follower->step_at <= now) {
    follower->step_at = Clock::time_point::max();
  }
  lock.unlock();
  DatabaseReplicator::Next next;
  std::size_t overlay = 0;
  try {
    if (rest) follower->replicator.rest();
    next = follower->replicator.step(woken);
    overlay = follower->replicator.overlay_bytes();
  } catch (const Error& error) {
    progress_.warning(fmt::format("replication: {}", error.what()));
    next.look_after = std::chrono::seconds(60);
  }
  lock.lock();
  --follower->stepping;
  overlay_bytes_ += overlay - std::exchange(follower->overlay, overlay);
  const Clock::time_point after = Clock::now();
  // Far away is never: no clock gets there. Of two that step at once, the last to come back here
  // need not be the one that knows best.
  if (next.look_after < std::chrono::hours(24 * 365)) {
    follower->step_at = std::min(follower->step_at, after + next.look_after);
  }
  if (rest) follower->resting = true;
  follower->rest_at =
      follower->resting ? Clock::time_point::max() : after + limits_.idle_until_rest;
  set_timer(follower);
  if (next.wants_scan) want_scan(follower);
  if (follower->woken) make_ready(follower);
  bound_memory();
  idle_.notify_all();
}

void Replication::Implementation::bound_memory() {
  if (overlay_bytes_ <= limits_.overlay_bytes) return;
  FollowerPointer largest;
  for (const auto& [name, follower] : followers_) {
    if (!largest || follower->overlay > largest->overlay) largest = follower;
  }
  if (!largest || largest->scan_wanted || largest->scanning) return;
  largest->replicator.close_soon();
  want_scan(largest);
}

void Replication::Implementation::scan(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    scans_changed_.wait(lock, stop, [this] { return !scans_.empty() || !looks_.empty(); });
    if (stop.stop_requested()) return;
    if (!looks_.empty()) {
      const std::function<void()> look = std::move(looks_.front());
      looks_.pop_front();
      lock.unlock();
      look();
      lock.lock();
      continue;
    }
    const FollowerPointer follower = std::move(scans_.front());
    scans_.pop_front();
    follower->scan_wanted = false;
    if (follower->removed) continue;
    follower->scanning = true;
    lock.unlock();
    try {
      follower->replicator.scan_or_close(stop);
    } catch (const Error& error) {
      progress_.warning(fmt::format("replication: {}", error.what()));
    }
    lock.lock();
    follower->scanning = false;
    make_ready(follower);
    idle_.notify_all();
  }
}

void Replication::Implementation::watch(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const std::vector<env::WatchKey> keys = watch_->wait(std::chrono::hours(1), stop);
    const std::lock_guard lock(mutex_);
    for (const env::WatchKey key : keys) {
      if (const auto found = by_key_.find(key); found != by_key_.end()) {
        if (const FollowerPointer follower = found->second.lock()) {
          follower->woken = true;
          make_ready(follower);
        }
      } else if (const auto directory = directories_.find(key); directory != directories_.end()) {
        looks_.push_back(directory->second);
        scans_changed_.notify_one();
      }
    }
  }
}

void Replication::Implementation::add(ReplicationOptions options) {
  options.shared_snapshots = &shared_snapshots_;
  const std::string name = options.database.name;
  {
    const std::lock_guard lock(mutex_);
    if (followers_.contains(name)) {
      throw Error(ErrorCode::kUsage, fmt::format("{} is replicated already", name));
    }
  }
  const auto follower =
      std::make_shared<Follower>(repository_, files_, std::move(options), progress_);
  const std::lock_guard lock(mutex_);
  if (!followers_.emplace(name, follower).second) {
    throw Error(ErrorCode::kUsage, fmt::format("{} is replicated already", name));
  }
  follower->key = watch_->add_file(follower->path, {"-wal", "-journal"}, {"-shm"});
  follower->replicator.set_witness([this, key = follower->key] {
    auto record = watch_->events(key);
    if (record) record->files.erase(record->files.begin() + 2);  // the rollback journal
    return record;
  });
  by_key_[follower->key] = follower;
  follower->woken = true;
  make_ready(follower);
}

void Replication::Implementation::remove(std::string_view database) {
  FollowerPointer follower;
  {
    std::unique_lock lock(mutex_);
    const auto found = followers_.find(database);
    if (found == followers_.end()) return;
    follower = found->second;
    follower->removed = true;
    set_timer(follower);
    idle_.wait(lock, [&] { return follower->stepping == 0 && !follower->scanning; });
    std::erase(ready_, follower);
    std::erase(scans_, follower);
    by_key_.erase(follower->key);
    followers_.erase(found);
    overlay_bytes_ -= std::exchange(follower->overlay, 0);
  }
  watch_->remove(follower->key);
  follower->replicator.finish(limits_.longest_finish);
}

void Replication::Implementation::watch_directory(const env::Path& directory,
                                                  std::function<void()> look) {
  {
    const std::lock_guard lock(mutex_);
    directories_[watch_->add_directory(directory)] = look;
  }
  look();
}

std::vector<FollowerPointer> Replication::Implementation::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<FollowerPointer> followers;
  for (const auto& [name, follower] : followers_) followers.push_back(follower);
  return followers;
}

std::vector<FollowerState> Replication::Implementation::states() const {
  std::vector<FollowerState> states;
  for (const FollowerPointer& follower : all()) states.push_back(follower->replicator.state());
  return states;
}

bool Replication::Implementation::wait_until_following(Duration longest) {
  const Clock::time_point deadline = Clock::now() + longest;
  std::unique_lock lock(mutex_);
  while (true) {
    const bool ready = std::ranges::all_of(followers_, [](const auto& entry) {
      const Phase phase = entry.second->replicator.state().phase;
      return phase == Phase::kFollowing || phase == Phase::kRefused;
    });
    if (ready) return true;
    if (Clock::now() >= deadline) return false;
    idle_.wait_for(lock, kTurn);
  }
}

FollowerPointer Replication::Implementation::find(std::string_view database) const {
  const std::lock_guard lock(mutex_);
  const auto found = followers_.find(database);
  if (found == followers_.end()) {
    throw Error(ErrorCode::kDatabaseUnknown, fmt::format("{} is not replicated here", database));
  }
  return found->second;
}

repository::Position Replication::Implementation::flush(std::string_view database,
                                                        Duration longest) {
  const FollowerPointer follower = find(database);
  const repository::Position position = follower->replicator.flush(longest);
  const std::lock_guard lock(mutex_);
  make_ready(follower);  // what it wants next may have changed
  return position;
}

bool Replication::Implementation::finish() {
  const Clock::time_point deadline = Clock::now() + limits_.longest_finish;
  stop_threads();
  const std::vector<FollowerPointer> followers = all();
  std::atomic<std::size_t> next{0};
  std::atomic<bool> shipped{true};
  {
    std::vector<std::jthread> finishers;
    for (unsigned i = 0; i < std::min<std::size_t>(kFinishers, followers.size()); ++i) {
      finishers.emplace_back([&] {
        for (std::size_t at = next++; at < followers.size(); at = next++) {
          try {
            const auto left = std::chrono::ceil<Duration>(deadline - Clock::now());
            if (!followers[at]->replicator.finish(std::max(left, Duration(0)))) shipped = false;
          } catch (const Error& error) {
            progress_.warning(fmt::format("replication: {}", error.what()));
            shipped = false;
          }
        }
      });
    }
  }
  return shipped;
}

Replication::Replication(const repository::Repository& repository, env::FileSystem& files,
                         ReplicationLimits limits, Progress& progress)
    : implementation_(std::make_unique<Implementation>(repository, files, limits, progress)) {}
Replication::~Replication() = default;

void Replication::add(ReplicationOptions options) { implementation_->add(std::move(options)); }
void Replication::remove(std::string_view database) { implementation_->remove(database); }
void Replication::watch_directory(const env::Path& directory, std::function<void()> look) {
  implementation_->watch_directory(directory, std::move(look));
}
std::vector<FollowerState> Replication::states() const { return implementation_->states(); }
bool Replication::wait_until_following(Duration longest) {
  return implementation_->wait_until_following(longest);
}
repository::Position Replication::flush(std::string_view database, Duration longest) {
  return implementation_->flush(database, longest);
}
bool Replication::finish() { return implementation_->finish(); }

}  // namespace holdfast::engine
