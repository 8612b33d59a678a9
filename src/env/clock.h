#ifndef HOLDFAST_ENV_CLOCK_H_
#define HOLDFAST_ENV_CLOCK_H_

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/time.h"

namespace holdfast::env {

// Thread safe. now() may jump; elapsed() never goes back.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() = 0;
  virtual Duration elapsed() = 0;  // since an arbitrary moment
  // Waits for `duration` or until `stop` is requested; false in the second case.
  virtual bool wait(Duration duration, std::stop_token stop) = 0;
};

Clock& system_clock();

// Moves only when told. wait() advances it at once, unless stopped.
class FakeClock : public Clock {
 public:
  explicit FakeClock(Time start) : now_(start) {}
  Time now() override;
  Duration elapsed() override;
  bool wait(Duration duration, std::stop_token stop) override;
  void advance(Duration duration);
  void set(Time time);  // a jump of the wall clock; elapsed() stays

 private:
  std::mutex mutex_;
  Time now_;
  Duration elapsed_{0};
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_CLOCK_H_
