#include <array>
#include <optional>

#include "repository/keys.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kGroups = 8, kGroupSize = 5, kCharacters = kGroups * kGroupSize;
static_assert(kAlphabet.size() == 32);

// Crockford's reading rules: I and L are ones, O is a zero.
std::optional<char> canonical(char typed) {
  if (typed >= 'a' && typed <= 'z') typed = static_cast<char>(typed - 'a' + 'A');
  if (typed == 'I' || typed == 'L') return '1';
  if (typed == 'O') return '0';
  if (kAlphabet.find(typed) == std::string_view::npos) return std::nullopt;
  return typed;
}

}  // namespace

std::string make_recovery_code() {
  std::array<std::byte, kCharacters> random;
  codec::random_bytes(random);
  std::string code;
  for (std::size_t i = 0; i < kCharacters; ++i) {
    if (i > 0 && i % kGroupSize == 0) code += '-';
    code += kAlphabet[std::to_integer<std::size_t>(random[i]) % kAlphabet.size()];
  }
  return code;
}

std::string normalize_recovery_code(std::string_view typed) {
  std::string code;
  for (const char character : typed) {
    if (std::string_view(" -\t\r\n_").find(character) != std::string_view::npos) continue;
    const std::optional<char> digit = canonical(character);
    if (!digit || code.size() == kCharacters) return {};
    code += *digit;
  }
  return code.size() == kCharacters ? code : std::string();
}

}  // namespace holdfast::repository
