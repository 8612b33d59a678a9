// Work on pieces of text by a thread of its own, a few pieces behind whoever makes them.
#ifndef HOLDFAST_ENGINE_EXPORTS_OUTPUT_PIPE_H_
#define HOLDFAST_ENGINE_EXPORTS_OUTPUT_PIPE_H_

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace holdfast::engine {

using TextPiece = std::shared_ptr<const std::string>;

// By one thread at a time.
class OutputPipe {
 public:
  // `work` is called for each piece in order, always by the thread of the pipe. What it throws ends
  // the work.
  explicit OutputPipe(std::function<void(std::string_view)> work);
  ~OutputPipe();  // gives up what was not worked on
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;

  // Waits while too many pieces wait. False if the work has failed: finish() says why.
  bool add(TextPiece piece);
  // All is done. Throws what `work` has thrown.
  void finish();

 private:
  void run();

  const std::function<void(std::string_view)> work_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<TextPiece> waiting_;
  bool closed_ = false, abandoned_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_OUTPUT_PIPE_H_
