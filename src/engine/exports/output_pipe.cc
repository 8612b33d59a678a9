#include "engine/exports/output_pipe.h"

#include <utility>

namespace holdfast::engine {
namespace {

constexpr std::size_t kMostWaiting = 8;

}  // namespace

OutputPipe::OutputPipe(std::function<void(std::string_view)> work)
    : work_(std::move(work)), thread_([this] { run(); }) {}

OutputPipe::~OutputPipe() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

bool OutputPipe::add(TextPiece piece) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || waiting_.size() < kMostWaiting; });
  if (failure_) return false;
  waiting_.push_back(std::move(piece));
  changed_.notify_all();
  return true;
}

void OutputPipe::finish() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  thread_.join();
  if (failure_) std::rethrow_exception(failure_);
}

void OutputPipe::run() {
  try {
    for (;;) {
      TextPiece piece;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return abandoned_ || closed_ || !waiting_.empty(); });
        if (abandoned_ || waiting_.empty()) return;
        piece = std::move(waiting_.front());
        waiting_.pop_front();
        changed_.notify_all();
      }
      work_(*piece);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    waiting_.clear();
    changed_.notify_all();
  }
}

}  // namespace holdfast::engine
