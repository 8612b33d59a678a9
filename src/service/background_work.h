// What work has to do with that goes on beside other work, on a thread of its own.
#ifndef HOLDFAST_SERVICE_BACKGROUND_WORK_H_
#define HOLDFAST_SERVICE_BACKGROUND_WORK_H_

#include <fmt/format.h>

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/progress.h"
#include "service/passphrase.h"

namespace holdfast::service {

// Nobody is there to be asked.
class NoPrompt final : public PassphrasePrompt {
 public:
  std::optional<std::string> ask(std::string_view) override { return std::nullopt; }
};

// Ends it as soon as the other work has ended: by kInterrupted, at its next step.
class UntilStopped final : public Progress {
 public:
  // `what` is the work: "the copy".
  UntilStopped(Progress& base, std::string what, std::stop_token stop)
      : base_(base), what_(std::move(what)), stop_(std::move(stop)) {}
  void stage(std::string_view, std::uint64_t) override { look(); }
  void advance(std::uint64_t) override { look(); }
  void notice(std::string_view sentence) override { base_.notice(sentence); }
  void warning(std::string_view sentence) override { base_.warning(sentence); }

 private:
  void look() const {
    if (stop_.stop_requested()) {
      throw Error(ErrorCode::kInterrupted,
                  fmt::format("{} was interrupted: its process ends", what_));
    }
  }

  Progress& base_;
  const std::string what_;
  const std::stop_token stop_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_BACKGROUND_WORK_H_
