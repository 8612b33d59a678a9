#include "engine/exports/text_plan.h"

#include <algorithm>
#include <utility>

namespace holdfast::engine {

void TextPlan::copy(std::uint64_t from, std::uint64_t length) {
  add_run({.at = size_, .length = length, .from = from, .is_old = true});
}

void TextPlan::add(std::string text) {
  if (text.empty()) return;
  add_run({.at = size_, .length = text.size(), .from = added_.size(), .is_old = false});
  added_.push_back(std::move(text));
}

void TextPlan::add_run(const Run& run) {
  if (run.length == 0) return;
  size_ += run.length;
  if (!runs_.empty()) {
    Run& last = runs_.back();
    if (last.is_old && run.is_old && last.from + last.length == run.from) {
      last.length += run.length;
      return;
    }
  }
  runs_.push_back(run);
}

std::size_t TextPlan::run_at(std::uint64_t at) const {
  const auto after = std::ranges::upper_bound(runs_, at, {}, &Run::at);
  return static_cast<std::size_t>(after - runs_.begin()) - 1;
}

bool TextPlan::is_unmoved(std::uint64_t at, std::uint64_t length) const {
  if (at >= size_) return false;
  const Run& run = runs_[run_at(at)];
  return run.is_old && run.at == run.from && at + length <= run.at + run.length;
}

void TextPlan::append(std::uint64_t at, std::uint64_t length, const ReadOld& old,
                      std::string& out) const {
  for (std::size_t i = run_at(at); length > 0; ++i) {
    const Run& run = runs_.at(i);
    const std::uint64_t skipped = at - run.at;
    const std::uint64_t taken = std::min(length, run.length - skipped);
    if (run.is_old) {
      old(run.from + skipped, taken, out);
    } else {
      out.append(added_[run.from], skipped, taken);
    }
    at += taken;
    length -= taken;
  }
}

}  // namespace holdfast::engine
