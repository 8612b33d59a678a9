#include "engine/records/write.h"

#include <fmt/format.h>

#include "env/randomness.h"

namespace holdfast::engine {
namespace {

constexpr std::size_t kGroupSize = 32;

}  // namespace

std::string new_write_id() { return env::random_name() + env::random_name(); }

std::string grouped_write_id(std::string_view group, std::size_t number) {
  return fmt::format("{}-{}", group, number);
}

std::optional<GroupedId> parse_grouped_id(std::string_view id) {
  if (id.size() <= kGroupSize + 1 || id.find('-') != kGroupSize) return std::nullopt;
  return GroupedId{.group = std::string(id.substr(0, kGroupSize)),
                   .number = std::string(id.substr(kGroupSize + 1))};
}

}  // namespace holdfast::engine
