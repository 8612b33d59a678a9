#include "service/protection_settings.h"

#include <algorithm>
#include <array>

namespace holdfast::service {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return text;
}

}  // namespace

std::string environment_name(const BootSettings& settings, const Variables& variables) {
  std::string_view said = settings.environment;
  if (!said.starts_with('$')) return lower(std::string(said));
  said.remove_prefix(1);
  if (said.starts_with('{') && said.ends_with('}')) said = said.substr(1, said.size() - 2);
  return lower(variables(said).value_or(""));
}

bool is_production(const BootSettings& settings, const Variables& variables) {
  const std::string name = environment_name(settings, variables);
  return name == "production" || name == "prod";
}

bool import_is_forced(const BootSettings& settings, const Variables& variables) {
  constexpr auto kYes = std::to_array<std::string_view>({"1", "true", "yes", "on"});
  const std::string value = lower(variables(settings.force_switch).value_or(""));
  return std::ranges::find(kYes, value) != kYes.end();
}

}  // namespace holdfast::service
