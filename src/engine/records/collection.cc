#include "engine/records/collection.h"

namespace holdfast::engine {

FieldPath parse_field_path(std::string_view text) {
  FieldPath path(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      path.back() += text[++i];
    } else if (text[i] == '.') {
      path.emplace_back();
    } else {
      path.back() += text[i];
    }
  }
  return path;
}

std::string field_path_text(const FieldPath& path) {
  std::string text;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (i > 0) text += '.';
    for (const char c : path[i]) {
      if (c == '.' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

const nlohmann::json* field_at(const nlohmann::json& record, const FieldPath& path) {
  const nlohmann::json* at = &record;
  for (const std::string& name : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(name);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

}  // namespace holdfast::engine
