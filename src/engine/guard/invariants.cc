#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "engine/guard/guard.h"
#include "sqlite/question.h"

namespace holdfast::engine {
namespace {

using sqlite::Answer;

constexpr std::chrono::seconds kLongest{30};  // for one question

std::optional<double> number_in(std::string_view text) {
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string shown(const Answer& answer) {
  if (answer.kind == Answer::Kind::kNothing) return "no row";
  return answer.kind == Answer::Kind::kNull ? "NULL" : answer.text;
}

bool has_value(const Answer& answer) {
  return answer.kind != Answer::Kind::kNothing && answer.kind != Answer::Kind::kNull;
}

bool is_equal(const Answer& answer, const std::string& expected) {
  if (!has_value(answer)) return false;
  if (answer.text == expected) return true;
  const auto found = number_in(answer.text), wanted = number_in(expected);
  return found && wanted && *found == *wanted;
}

bool holds(const Answer& answer, const Invariant& invariant) {
  const auto number = has_value(answer) ? number_in(answer.text) : std::nullopt;
  if (invariant.equals && !is_equal(answer, *invariant.equals)) return false;
  if (invariant.min && (!number || *number < *invariant.min)) return false;
  if (invariant.max && (!number || *number > *invariant.max)) return false;
  // Without an expectation the question itself must be answered with yes.
  return invariant.equals || invariant.min || invariant.max || (number && *number != 0);
}

}  // namespace

std::vector<InvariantResult> check_invariants(const std::filesystem::path& path,
                                              const std::vector<Invariant>& invariants,
                                              std::chrono::milliseconds busy_timeout) {
  std::vector<InvariantResult> results;
  for (const Invariant& invariant : invariants) {
    try {
      const Answer answer = sqlite::ask(path, invariant.sql, busy_timeout, kLongest);
      results.push_back({invariant.name, holds(answer, invariant), shown(answer)});
    } catch (const Error& error) {
      results.push_back({invariant.name, false, error.happened()});
    }
  }
  return results;
}

}  // namespace holdfast::engine
