// How long work tells what it is doing. Implementations are thread safe and cheap.
#ifndef HOLDFAST_BASE_PROGRESS_H_
#define HOLDFAST_BASE_PROGRESS_H_

#include <cstdint>
#include <string_view>

namespace holdfast {

class Progress {
 public:
  virtual ~Progress() = default;
  // A stage with `total` units (bytes unless the stage says otherwise; 0: unknown) begins; the one
  // before has ended.
  virtual void stage(std::string_view name, std::uint64_t total) = 0;
  virtual void advance(std::uint64_t units) = 0;
  // Something a person should know: what was chosen, a wait, a warning. Not an error.
  virtual void notice(std::string_view sentence) = 0;
  virtual void warning(std::string_view sentence) = 0;
};

Progress& no_progress();

}  // namespace holdfast

#endif  // HOLDFAST_BASE_PROGRESS_H_
