#include "service/record_settings.h"

namespace holdfast::service {

env::Path default_state_directory(const World& world) {
  if (const auto directory = world.variables("HOLDFAST_STATE_DIR")) {
    return absolute_path(world.directory, *directory);
  }
  // The XDG specification has relative paths ignored.
  if (const auto xdg = world.variables("XDG_STATE_HOME"); xdg && xdg->starts_with('/')) {
    return env::Path(*xdg) / "holdfast";
  }
  if (const auto home = world.variables("HOME"); home && home->starts_with('/')) {
    return env::Path(*home) / ".local" / "state" / "holdfast";
  }
  return {};
}

}  // namespace holdfast::service
