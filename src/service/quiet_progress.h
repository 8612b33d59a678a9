#ifndef HOLDFAST_SERVICE_QUIET_PROGRESS_H_
#define HOLDFAST_SERVICE_QUIET_PROGRESS_H_

#include "base/progress.h"

namespace holdfast::service {

// For work that goes on beside other work: what is to be known is said, but nothing is drawn.
class QuietProgress final : public Progress {
 public:
  explicit QuietProgress(Progress& base) : base_(base) {}
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void notice(std::string_view sentence) override { base_.notice(sentence); }
  void warning(std::string_view sentence) override { base_.warning(sentence); }

 private:
  Progress& base_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_QUIET_PROGRESS_H_
