#include "service/environment.h"

#include <cstdlib>

namespace holdfast::service {

Variables process_variables() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

env::Path absolute_path(const env::Path& base, const env::Path& path) {
  env::Path whole = (base / path).lexically_normal();
  // "folder/" and "folder" are one place.
  if (!whole.has_filename() && whole.has_relative_path()) whole = whole.parent_path();
  return whole;
}

std::string expand_home(std::string_view path, const Variables& variables) {
  if (path == "~" || path.starts_with("~/")) {
    if (const auto home = variables("HOME")) return *home + std::string(path.substr(1));
  }
  return std::string(path);
}

env::Path default_cache_directory(const World& world) {
  if (const auto directory = world.variables("HOLDFAST_CACHE_DIR")) {
    return absolute_path(world.directory, *directory);
  }
  // The XDG specification has relative paths ignored.
  if (const auto xdg = world.variables("XDG_CACHE_HOME"); xdg && xdg->starts_with('/')) {
    return env::Path(*xdg) / "holdfast";
  }
  if (const auto home = world.variables("HOME"); home && home->starts_with('/')) {
    return env::Path(*home) / ".cache" / "holdfast";
  }
  return {};
}

env::Path scratch_directory(const World& world) {
  if (const auto folder = world.variables("TMPDIR")) return absolute_path(world.directory, *folder);
  return "/var/tmp";
}

}  // namespace holdfast::service
