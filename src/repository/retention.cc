#include "repository/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"

namespace holdfast::repository {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

year_month_day date_of(Time time) { return year_month_day(std::chrono::floor<days>(time)); }

std::string hour_of(Time time) {
  const auto hour = std::chrono::floor<std::chrono::hours>(time);
  const auto day = std::chrono::floor<days>(hour);
  const year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02} {:02}h", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     (hour - day).count());
}

std::string day_of(Time time) {
  const year_month_day date = date_of(time);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

// ISO 8601: weeks begin on Monday and belong to the year of their Thursday.
std::string week_of(Time time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::weekday weekday(day);
  const sys_days thursday = day + days(4) - days(weekday.iso_encoding());
  const auto year = year_month_day(thursday).year();
  const auto week = (thursday - sys_days(year / std::chrono::January / 1)).count() / 7 + 1;
  return fmt::format("{:04}-W{:02}", static_cast<int>(year), week);
}

std::string month_of(Time time) { return day_of(time).substr(0, 7); }
std::string year_of(Time time) { return day_of(time).substr(0, 4); }

struct Rule {
  int left;
  std::string_view name;
  std::string (*period)(Time);  // null: every snapshot is a period of its own
  std::string previous = {};
};

using Group = std::vector<RetentionDecision*>;

bool has_one_of(const Snapshot& snapshot, const std::vector<std::string>& tags,
                std::string& matched) {
  for (const std::string& tag : tags) {
    if (std::ranges::find(snapshot.tags, tag) == snapshot.tags.end()) continue;
    matched = tag;
    return true;
  }
  return false;
}

void keep(RetentionDecision& decision, std::string reason) {
  decision.keep = true;
  decision.reasons.push_back(std::move(reason));
}

// `newest_first` is sorted. As restic's: the newest snapshot of a period is kept and uses up one of
// the count; the oldest snapshot of all is kept as well while a count is left, so that the history
// reaches as far back as it can.
void apply_rule(Rule rule, const Group& newest_first) {
  for (std::size_t i = 0; i < newest_first.size() && rule.left != 0; ++i) {
    RetentionDecision& decision = *newest_first[i];
    const std::string period =
        rule.period == nullptr ? fmt::format("{}", i + 1) : rule.period(decision.snapshot->time);
    const bool begins = period != rule.previous;
    const bool oldest = i + 1 == newest_first.size();
    if (!begins && !oldest) continue;
    keep(decision, fmt::format("{}{} {}", begins ? "" : "oldest ", rule.name, period));
    rule.previous = period;
    if (rule.left > 0) --rule.left;
  }
}

void apply_to_group(const RetentionPolicy& policy, const Group& newest_first) {
  for (RetentionDecision* decision : newest_first) {
    std::string tag;
    if (has_one_of(*decision->snapshot, policy.tags, tag)) {
      keep(*decision, fmt::format("tag {}", tag));
    }
  }
  if (policy.within) {
    const Time limit = subtract(newest_first.front()->snapshot->time, *policy.within);
    for (RetentionDecision* decision : newest_first) {
      if (decision->snapshot->time > limit) keep(*decision, "within");
    }
  }
  const std::array<Rule, 6> rules{{{policy.last, "last", nullptr},
                                   {policy.hourly, "hourly", hour_of},
                                   {policy.daily, "daily", day_of},
                                   {policy.weekly, "weekly", week_of},
                                   {policy.monthly, "monthly", month_of},
                                   {policy.yearly, "yearly", year_of}}};
  for (const Rule& rule : rules) apply_rule(rule, newest_first);
}

// Whatever the policy says, each database of each host keeps its newest undamaged state; where all
// are damaged, its newest state.
void keep_last_intact(const Group& newest_first) {
  struct Kept {
    RetentionDecision* newest = nullptr;
    RetentionDecision* newest_intact = nullptr;
    bool any = false, intact = false;
  };
  std::map<std::pair<std::string, std::string>, Kept> databases;
  for (RetentionDecision* decision : newest_first) {
    for (const DatabaseState& state : decision->snapshot->databases) {
      Kept& kept = databases[{decision->snapshot->host, state.name}];
      const bool intact = state.damage.empty();
      if (kept.newest == nullptr) kept.newest = decision;
      if (intact && kept.newest_intact == nullptr) kept.newest_intact = decision;
      kept.any |= decision->keep;
      kept.intact |= decision->keep && intact;
    }
  }
  for (const auto& [key, kept] : databases) {
    if (kept.newest_intact != nullptr) {
      if (!kept.intact)
        keep(*kept.newest_intact, fmt::format("the last intact one of {}", key.second));
    } else if (!kept.any) {
      keep(*kept.newest, fmt::format("the last one of {}", key.second));
    }
  }
}

}  // namespace

bool RetentionPolicy::empty() const {
  return last == 0 && hourly == 0 && daily == 0 && weekly == 0 && monthly == 0 && yearly == 0 &&
         !within && tags.empty();
}

std::vector<RetentionDecision> apply(const RetentionPolicy& policy,
                                     std::span<const Snapshot> newest_first) {
  if (policy.empty()) {
    throw Error(ErrorCode::kUsage, "the policy keeps nothing: say at least one --keep option");
  }
  for (const int count :
       {policy.last, policy.hourly, policy.daily, policy.weekly, policy.monthly, policy.yearly}) {
    if (count < -1) throw Error(ErrorCode::kUsage, "a count to keep is -1 (all) or more");
  }
  std::vector<RetentionDecision> decisions;
  decisions.reserve(newest_first.size());
  for (const Snapshot& snapshot : newest_first) decisions.push_back({&snapshot, false, {}});

  Group sorted;
  for (RetentionDecision& decision : decisions) sorted.push_back(&decision);
  std::ranges::sort(sorted, std::ranges::greater{}, [](const RetentionDecision* decision) {
    return std::pair(decision->snapshot->time, decision->snapshot->id);
  });
  std::map<std::pair<std::string, std::set<std::string>>, Group> groups;
  for (RetentionDecision* decision : sorted) {
    std::set<std::string> names;
    for (const DatabaseState& state : decision->snapshot->databases) names.insert(state.name);
    groups[{decision->snapshot->host, std::move(names)}].push_back(decision);
  }
  for (const auto& [key, group] : groups) apply_to_group(policy, group);
  keep_last_intact(sorted);
  return decisions;
}

}  // namespace holdfast::repository
