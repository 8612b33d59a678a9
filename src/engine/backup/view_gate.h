#ifndef HOLDFAST_ENGINE_BACKUP_VIEW_GATE_H_
#define HOLDFAST_ENGINE_BACKUP_VIEW_GATE_H_

#include <condition_variable>
#include <mutex>

namespace holdfast::engine {

// Lets many readers into a view, and one thread change the view while none is inside. Unlike a
// shared mutex it never makes the changer wait for readers that come after it.
class ViewGate {
 public:
  class Inside {
   public:
    explicit Inside(ViewGate& gate) : gate_(gate) { gate_.enter(); }
    ~Inside() { gate_.leave(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    ViewGate& gate_;
  };

  template <typename Action>
  void alone(Action&& action) {
    std::unique_lock lock(mutex_);
    closing_ = true;
    changed_.wait(lock, [this] { return inside_ == 0; });
    struct Reopen {
      ViewGate& gate;
      ~Reopen() {
        gate.closing_ = false;
        gate.changed_.notify_all();
      }
    } reopen{*this};
    action();
  }

 private:
  void enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !closing_; });
    ++inside_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool closing_ = false;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_VIEW_GATE_H_
