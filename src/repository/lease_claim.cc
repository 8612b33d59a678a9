#include "repository/lease_claim.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "env/randomness.h"

namespace holdfast::repository {
namespace {

class Claim {
 public:
  Claim(storage::Store& store, env::Clock& clock, const std::string& object, ByteView content,
        const ClaimOptions& options, std::stop_token stop)
      : store_(store),
        clock_(clock),
        object_(object),
        options_(options),
        stop_(std::move(stop)),
        own_(object + std::string(kClaim) + env::random_name()) {
    store_.put(own_, content, {.transient = true});
  }
  ~Claim() {
    try {
      withdraw();
    } catch (const Error&) {
      // It stays until somebody takes it for dead, as it would after a crash.
    }
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  // Whether this claim is the only one, and there is no lease.
  bool prevail() {
    for (;;) {
      const View view = look();
      if (view.created || !view.own_there) return false;
      if (view.others.empty()) return !store_.stat(object_);
      if (remove_dead(view.others)) continue;
      if (view.others.front() < own_) {
        withdraw();
        wait_for_end_of(view.others.front());
        return false;
      }
      pause();
    }
  }
  bool still_there() { return store_.stat(own_).has_value(); }

 private:
  struct View {
    bool created = false, own_there = false;
    std::vector<std::string> others;  // sorted
  };

  View look() {
    View view;
    store_.list_names(object_, [&](std::string_view name) {
      if (name == object_) view.created = true;
      if (name == own_) view.own_there = true;
      if (name != own_ && name.starts_with(object_ + std::string(kClaim))) {
        view.others.emplace_back(name);
      }
    });
    return view;
  }

  // Whether there were any.
  bool remove_dead(const std::vector<std::string>& claims) {
    bool removed = false;
    for (const std::string& claim : claims) {
      const Duration now = clock_.elapsed();
      const Duration seen = first_seen_.try_emplace(claim, now).first->second;
      if (now - seen < options_.stale_after && !put_by_the_dead(claim)) continue;
      remove_if_there(claim);
      removed = true;
    }
    return removed;
  }
  bool put_by_the_dead(const std::string& claim) {
    try {
      return options_.is_dead(store_.get(claim));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kDamagedObject) throw;
      return false;
    }
  }

  void wait_for_end_of(const std::string& claim) {
    for (;;) {
      const View view = look();
      if (view.created || std::ranges::find(view.others, claim) == view.others.end()) return;
      if (remove_dead({claim})) return;
      pause();
    }
  }
  void pause() {
    if (clock_.wait(options_.look_every, stop_)) return;
    throw Error(ErrorCode::kInterrupted, "interrupted while waiting for the lease of a timeline");
  }

  void withdraw() {
    if (withdrawn_) return;
    remove_if_there(own_);
    withdrawn_ = true;
  }
  void remove_if_there(const std::string& name) {
    try {
      store_.remove(name);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
    }
  }

  storage::Store& store_;
  env::Clock& clock_;
  const std::string& object_;
  const ClaimOptions& options_;
  const std::stop_token stop_;
  const std::string own_;
  std::map<std::string, Duration> first_seen_;
  bool withdrawn_ = false;
};

}  // namespace

bool create_by_claim(storage::Store& store, env::Clock& clock, const std::string& object,
                     ByteView content, const ClaimOptions& options, std::stop_token stop) {
  Claim claim(store, clock, object, content, options, std::move(stop));
  if (!claim.prevail()) return false;
  try {
    store.put(object, content, {.transient = true});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kAlreadyExists) throw;
    return false;
  }
  return claim.still_there();
}

}  // namespace holdfast::repository
