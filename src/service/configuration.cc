#include "service/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace holdfast::service {
namespace {

constexpr std::string_view kFileName = "holdfast.toml";
constexpr std::string_view kSystemFile = "/etc/holdfast/holdfast.toml";

env::Path must_exist(const World& world, std::string_view said, std::string_view by) {
  const env::Path path = absolute_path(world.directory, said);
  if (!is_file(world, path)) {
    throw Error(
        ErrorCode::kConfiguration,
        fmt::format("the configuration file {} named by {} does not exist", path.string(), by), {},
        fmt::format("Correct {}, or leave it out.", by));
  }
  return path;
}

}  // namespace

bool is_file(const World& world, const env::Path& path) {
  const auto status = world.files.status(path);
  return status && !status->directory;
}

const DatabaseConfiguration* Configuration::database(std::string_view name) const {
  const auto found = std::ranges::find(databases, name, &DatabaseConfiguration::name);
  return found == databases.end() ? nullptr : &*found;
}

const engine::Collection* Configuration::collection(std::string_view name) const {
  const auto found = std::ranges::find(collections, name, &engine::Collection::name);
  return found == collections.end() ? nullptr : &*found;
}

const RepositoryConfiguration* Configuration::repository(std::string_view name) const {
  const auto found = std::ranges::find(repositories, name, &RepositoryConfiguration::name);
  return name.empty() || found == repositories.end() ? nullptr : &*found;
}

env::Path find_configuration(const World& world, std::string_view chosen) {
  if (!chosen.empty()) return must_exist(world, chosen, "--config");
  if (const auto path = world.variables("HOLDFAST_CONFIG")) {
    return must_exist(world, *path, "HOLDFAST_CONFIG");
  }
  for (const env::Path& path : {world.directory / kFileName, env::Path(kSystemFile)}) {
    if (is_file(world, path)) return path;
  }
  return {};
}

Configuration load_configuration(const World& world, std::string_view chosen) {
  const env::Path file = find_configuration(world, chosen);
  if (file.empty()) return {};
  const Bytes content = env::read_file(world.files, file);
  return parse_configuration(as_text(content), file, world.variables);
}

}  // namespace holdfast::service
