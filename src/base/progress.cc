#include "base/progress.h"

namespace holdfast {
namespace {

class NoProgress : public Progress {
 public:
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void notice(std::string_view) override {}
  void warning(std::string_view) override {}
};

}  // namespace

Progress& no_progress() {
  static NoProgress none;
  return none;
}

}  // namespace holdfast
