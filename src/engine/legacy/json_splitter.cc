#include "engine/legacy/json_splitter.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::engine {
namespace {

constexpr std::size_t kLargestElement = std::size_t{1} << 29;

bool is_json_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

void JsonSplitter::refuse(std::string_view what) {
  damage_ = fmt::format("the JSON is damaged at byte {}: {}", position_, what);
  stopped_ = true;
}

void JsonSplitter::emit() {
  state_ = State::kAfter;
  if (!sink_({.name = name_, .text = element_, .offset = element_at_})) stopped_ = true;
  name_.clear();
  element_.clear();
}

bool JsonSplitter::add(std::string_view text) {
  while (!text.empty() && !stopped_) {
    const std::string_view rest = take(text);
    position_ += text.size() - rest.size();
    text = rest;
  }
  return !stopped_;
}

void JsonSplitter::finish() {
  if (stopped_ || state_ == State::kEnd) return;
  refuse(state_ == State::kStart ? "there is nothing in it" : "it is cut off");
}

std::string_view JsonSplitter::take(std::string_view text) {
  if (in_string_) return take_string(text);
  if (state_ == State::kInValue) return take_value(text);
  return take_structure(text);
}

// Within a name or a string of the element.
std::string_view JsonSplitter::take_string(std::string_view text) {
  std::string& into = state_ == State::kInName ? name_ : element_;
  std::size_t at = 0;
  if (escaped_) {
    escaped_ = false;
    at = 1;
  }
  while (at < text.size() && text[at] != '"') {
    if (text[at] != '\\') {
      ++at;
    } else if (at + 1 < text.size()) {
      at += 2;
    } else {
      escaped_ = true;
      at = text.size();
    }
  }
  const bool ends = at < text.size();
  if (ends) ++at;
  into.append(text, 0, at);
  if (into.size() > kLargestElement) {
    refuse("an element is larger than 512 MB");
    return text;
  }
  if (ends) {
    in_string_ = false;
    if (state_ == State::kInName) {
      state_ = State::kColon;
    } else if (level_ == 0) {
      emit();
    }
  }
  return text.substr(at);
}

std::string_view JsonSplitter::take_value(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (level_ == 0 && (c == ',' || c == ']' || c == '}' || is_json_blank(c))) {
      element_.append(text, 0, at);
      emit();
      return text.substr(at);
    }
    ++at;
    if (c == '"') {
      in_string_ = true;
      break;
    }
    if (c == '{' || c == '[') ++level_;
    if ((c == '}' || c == ']') && --level_ == 0) {
      element_.append(text, 0, at);
      emit();
      return text.substr(at);
    }
  }
  element_.append(text, 0, at);
  if (element_.size() > kLargestElement) {
    refuse("an element is larger than 512 MB");
    return text;
  }
  return text.substr(at);
}

std::string_view JsonSplitter::take_structure(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  const char c = text.front();
  const bool of_mark = position_ < kMark.size() && c == kMark[position_];
  if (is_json_blank(c) || (state_ == State::kStart && of_mark)) return text.substr(1);
  switch (state_) {
    case State::kStart:
      if (c != '{' && c != '[') {
        refuse("neither an object nor a list");
        return text;
      }
      object_ = c == '{';
      state_ = State::kNameOrEnd;
      return text.substr(1);
    case State::kNameOrEnd:
      if (c == (object_ ? '}' : ']')) {
        state_ = State::kEnd;
        return text.substr(1);
      }
      [[fallthrough]];
    case State::kName:
      if (!object_) {
        state_ = State::kValue;
        return take_structure(text);
      }
      if (c != '"') break;
      state_ = State::kInName;
      name_ = c;
      in_string_ = true;
      return text.substr(1);
    case State::kColon:
      if (c != ':') break;
      state_ = State::kValue;
      return text.substr(1);
    case State::kValue:
      if (c == ',' || c == ']' || c == '}' || c == ':') break;
      state_ = State::kInValue;
      level_ = 0;
      element_at_ = position_;
      if (c == '"') {
        element_ = c;
        in_string_ = true;
        return text.substr(1);
      }
      return text;
    case State::kAfter:
      if (c == ',') {
        state_ = State::kName;
        return text.substr(1);
      }
      if (c != (object_ ? '}' : ']')) break;
      state_ = State::kEnd;
      return text.substr(1);
    case State::kEnd:
      after_end_ = c;
      refuse("more text after its end");
      return text;
    case State::kInName:
    case State::kInValue:
      break;
  }
  refuse(fmt::format("'{}' is not expected there",
                     c >= ' ' && c <= '~' ? std::string(1, c) : std::string("?")));
  return text;
}

}  // namespace holdfast::engine
