#include "engine/exports/text_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace holdfast::engine {
namespace {

constexpr std::uint64_t kPlanSeed = 20261122;

TEST(TextPlan, IsTheTextThatItsPartsAre) {
  std::mt19937_64 chance(kPlanSeed);
  std::string old(1000, ' ');
  for (char& c : old) c = static_cast<char>('a' + chance() % 26);
  const TextPlan::ReadOld read = [&](std::uint64_t from, std::uint64_t length, std::string& out) {
    out += old.substr(from, length);
  };
  for (int round = 0; round < 50; ++round) {
    TextPlan plan;
    std::string text;
    while (text.size() < 2000) {
      const std::uint64_t from = chance() % 900, length = chance() % 100;
      if (chance() % 2 == 0) {
        plan.copy(from, length);
        text += old.substr(from, length);
      } else {
        plan.add(std::string(length, '-'));
        text += std::string(length, '-');
      }
    }
    ASSERT_EQ(text.size(), plan.size());
    for (int part = 0; part < 50; ++part) {
      const std::uint64_t at = chance() % text.size();
      const std::uint64_t length = chance() % (text.size() - at);
      std::string out;
      plan.append(at, length, read, out);
      ASSERT_EQ(text.substr(at, length), out) << "seed " << kPlanSeed << ", round " << round;
      if (length > 0 && plan.is_unmoved(at, length)) {
        ASSERT_EQ(old.substr(at, length), out);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::engine
