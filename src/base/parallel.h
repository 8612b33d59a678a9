#ifndef HOLDFAST_BASE_PARALLEL_H_
#define HOLDFAST_BASE_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast {

// `wanted`, or one for each core but at most four when that is 0.
inline unsigned thread_count(unsigned wanted) {
  return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
}

// Calls work(stop) on `threads` threads and waits for all of them. The first exception sets `stop`,
// which the others look at between their steps, and is thrown again here.
template <typename Work>
void run_parallel(unsigned threads, const Work& work) {
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        try {
          work(std::as_const(stop));
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!failure) failure = std::current_exception();
          stop = true;
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace holdfast

#endif  // HOLDFAST_BASE_PARALLEL_H_
