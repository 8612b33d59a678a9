// Time that passes when a store says that a request took some, and while somebody waits.
#ifndef HOLDFAST_BENCH_SCALE_VIRTUAL_CLOCK_H_
#define HOLDFAST_BENCH_SCALE_VIRTUAL_CLOCK_H_

#include <condition_variable>
#include <mutex>

#include "env/clock.h"

namespace holdfast::scale {

// Who can be stopped while it waits (a heartbeat) rests until then: nothing it does costs time.
class VirtualClock final : public env::Clock {
 public:
  explicit VirtualClock(Time start) : now_(start) {}

  Time now() override {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  Duration elapsed() override {
    const std::scoped_lock lock(mutex_);
    return elapsed_;
  }
  bool wait(Duration duration, std::stop_token stop) override {
    if (stop.stop_possible()) {
      std::unique_lock lock(mutex_);
      stopped_.wait(lock, stop, [] { return false; });
      return false;
    }
    advance(duration);
    return true;
  }
  void advance(Duration duration) {
    const std::scoped_lock lock(mutex_);
    now_ += duration;
    elapsed_ += duration;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  Time now_;
  Duration elapsed_{0};
};

}  // namespace holdfast::scale

#endif  // HOLDFAST_BENCH_SCALE_VIRTUAL_CLOCK_H_
