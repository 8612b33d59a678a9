// A text made of parts of an older one and of what is new in it.
#ifndef HOLDFAST_ENGINE_EXPORTS_TEXT_PLAN_H_
#define HOLDFAST_ENGINE_EXPORTS_TEXT_PLAN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace holdfast::engine {

class TextPlan {
 public:
  // One after the other; empty ones are nothing.
  void copy(std::uint64_t from, std::uint64_t length);
  void add(std::string text);

  std::uint64_t size() const { return size_; }
  // Whether this part of the text stood at the same place in the old one.
  bool is_unmoved(std::uint64_t at, std::uint64_t length) const;
  // Appends this part; `old` appends a part of the old text.
  using ReadOld = std::function<void(std::uint64_t from, std::uint64_t length, std::string& out)>;
  void append(std::uint64_t at, std::uint64_t length, const ReadOld& old, std::string& out) const;

 private:
  struct Run {
    std::uint64_t at = 0, length = 0;
    std::uint64_t from = 0;  // in the old text, or which one of added_
    bool is_old = false;
  };

  void add_run(const Run& run);
  std::size_t run_at(std::uint64_t at) const;

  std::vector<Run> runs_;
  std::vector<std::string> added_;
  std::uint64_t size_ = 0;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_EXPORTS_TEXT_PLAN_H_
