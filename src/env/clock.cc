#include "env/clock.h"

namespace holdfast::env {
namespace {

class SystemClock : public Clock {
 public:
  Time now() override { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

  Duration elapsed() override {
    return std::chrono::floor<Duration>(std::chrono::steady_clock::now().time_since_epoch());
  }

  bool wait(Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

Time FakeClock::now() {
  const std::scoped_lock lock(mutex_);
  return now_;
}

Duration FakeClock::elapsed() {
  const std::scoped_lock lock(mutex_);
  return elapsed_;
}

bool FakeClock::wait(Duration duration, std::stop_token stop) {
  if (stop.stop_requested()) return false;
  advance(duration);
  return true;
}

void FakeClock::advance(Duration duration) {
  const std::scoped_lock lock(mutex_);
  now_ += duration;
  elapsed_ += duration;
}

void FakeClock::set(Time time) {
  const std::scoped_lock lock(mutex_);
  now_ = time;
}

}  // namespace holdfast::env
