#include "service/toml_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/time.h"
#include "service/nearest_word.h"

namespace holdfast::service {

toml::table parse_toml(std::string_view text, const env::Path& file) {
  try {
    return toml::parse(text, file.string());
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kConfiguration,
                fmt::format("{}, line {}, column {}: {}", file.string(), error.source().begin.line,
                            error.source().begin.column, error.description()));
  }
}

Error TomlValues::wrong(const toml::node& node, std::string_view problem, std::string next) const {
  return Error(ErrorCode::kConfiguration,
               fmt::format("{}, line {}: {}", file_.string(), node.source().begin.line, problem),
               {}, std::move(next));
}

void TomlValues::expect_keys(const toml::table& table, std::string_view section,
                             const std::vector<std::string>& known) const {
  for (const auto& [key, node] : table) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    const std::string near = nearest_word(key.str(), known);
    const std::string where = section.empty() ? "" : fmt::format(" in [{}]", section);
    const auto line = key.source().begin.line;
    throw Error(ErrorCode::kConfiguration,
                fmt::format("{}, line {}: unknown key \"{}\"{}{}", file_.string(), line, key.str(),
                            where, near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)),
                {}, fmt::format("The keys known there are: {}.", fmt::join(known, ", ")));
  }
}

const toml::table& TomlValues::table(const toml::node& node, std::string_view name) const {
  const auto* found = node.as_table();
  if (found == nullptr)
    throw wrong(node, fmt::format("\"{}\" must be a section: [{}]", name, name));
  return *found;
}

std::string TomlValues::text(const toml::node& node, std::string_view name) const {
  const auto* found = node.as_string();
  if (found == nullptr) throw wrong(node, fmt::format("\"{}\" must be a text in quotes", name));
  if (found->get().empty()) throw wrong(node, fmt::format("\"{}\" is empty", name));
  if (found->get().find('\0') != std::string::npos)
    throw wrong(node, fmt::format("\"{}\" holds a NUL", name));
  return found->get();
}

std::vector<std::string> TomlValues::texts(const toml::node& node, std::string_view name) const {
  if (const auto* list = node.as_array()) {
    if (list->empty()) throw wrong(node, fmt::format("\"{}\" is an empty list", name));
    std::vector<std::string> result;
    for (const toml::node& item : *list) result.push_back(text(item, name));
    return result;
  }
  if (!node.is_string())
    throw wrong(node, fmt::format("\"{}\" must be a text in quotes or a list of such", name));
  return {text(node, name)};
}

int TomlValues::integer(const toml::node& node, std::string_view name, std::int64_t least,
                        std::int64_t most, std::string_view range) const {
  const auto* found = node.as_integer();
  if (found == nullptr || found->get() < least || found->get() > most) {
    throw wrong(node, fmt::format("\"{}\" must be a whole number {}", name, range));
  }
  return static_cast<int>(found->get());
}

double TomlValues::number(const toml::node& node, std::string_view name) const {
  if (const auto* whole = node.as_integer()) return static_cast<double>(whole->get());
  if (const auto* real = node.as_floating_point()) return real->get();
  throw wrong(node, fmt::format("\"{}\" must be a number", name));
}

std::chrono::seconds TomlValues::span(const toml::node& node, std::string_view name) const {
  const auto found = parse_span(text(node, name));
  if (!found || found->years != 0 || found->months != 0) {
    throw wrong(node,
                fmt::format("\"{}\" must be a span such as \"30s\", \"15m\" or \"7d\"", name));
  }
  return std::chrono::days(found->days) + found->seconds;
}

std::chrono::seconds TomlValues::span_or_off(const toml::node& node, std::string_view name) const {
  return text(node, name) == "off" ? std::chrono::seconds(0) : span(node, name);
}

env::Path TomlValues::path(std::string_view said) const {
  return absolute_path(file_.parent_path(), expand_home(said, variables_));
}

}  // namespace holdfast::service
