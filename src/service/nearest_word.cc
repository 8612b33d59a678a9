#include "service/nearest_word.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace holdfast::service {
namespace {

constexpr std::size_t kLeastBeginning = 3;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char letter) {
    return letter == '-' ? '_' : static_cast<char>(std::tolower(letter));
  });
  return result;
}

// Optimal string alignment: like Levenshtein's distance, but two swapped neighbours count once.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool equal = a[i - 1] == b[j - 1];
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (equal ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest_word(std::string_view typed, std::span<const std::string> words) {
  const std::string wanted = lower(typed);
  std::string best;
  std::size_t least = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& word : words) {
    const std::string candidate = lower(word);
    std::size_t away = distance(wanted, candidate);
    const std::size_t shorter = std::min(wanted.size(), candidate.size());
    if (shorter >= kLeastBeginning && wanted.compare(0, shorter, candidate, 0, shorter) == 0) {
      away = std::min<std::size_t>(away, 1);
    }
    if (away < least) {
      least = away;
      best = word;
    }
  }
  return best;
}

}  // namespace holdfast::service
