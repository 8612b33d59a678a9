// The elements of a JSON array, or the members of an object, one by one, as text: without the
// whole in memory, and up to where it is damaged.
#ifndef HOLDFAST_ENGINE_LEGACY_JSON_SPLITTER_H_
#define HOLDFAST_ENGINE_LEGACY_JSON_SPLITTER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace holdfast::engine {

struct JsonElement {
  std::string_view name;  // of a member: a JSON string with its quotes; empty in an array
  std::string_view text;
  std::uint64_t offset = 0;  // of its text
};

// Looks at quotes and brackets only: whether an element is valid JSON is for its reader to say.
class JsonSplitter {
 public:
  // False: enough was seen.
  using Sink = std::function<bool(const JsonElement&)>;
  explicit JsonSplitter(Sink sink) : sink_(std::move(sink)) {}

  // False once nothing more is wanted: the sink has seen enough, or it is damaged.
  bool add(std::string_view text);
  void finish();

  bool is_object() const { return object_; }
  // The outermost bracket was closed.
  bool is_complete() const { return state_ == State::kEnd; }
  // What follows the end and is no blank; '\0' if nothing does. It is a damage too.
  char after_end() const { return after_end_; }
  const std::string& damage() const { return damage_; }

 private:
  enum class State { kStart, kNameOrEnd, kName, kInName, kColon, kValue, kInValue, kAfter, kEnd };

  std::string_view take(std::string_view text);
  std::string_view take_string(std::string_view text);
  std::string_view take_value(std::string_view text);
  std::string_view take_structure(std::string_view text);
  void refuse(std::string_view what);
  void emit();

  Sink sink_;
  State state_ = State::kStart;
  bool object_ = false, stopped_ = false;
  bool in_string_ = false, escaped_ = false;
  std::uint64_t level_ = 0;  // of brackets within the element
  std::uint64_t position_ = 0, element_at_ = 0;
  std::string name_, element_;
  char after_end_ = '\0';
  std::string damage_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_LEGACY_JSON_SPLITTER_H_
