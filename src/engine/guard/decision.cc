#include <fmt/format.h>

#include <algorithm>

#include "engine/guard/guard.h"

namespace holdfast::engine {
namespace {

using sqlite::Presence;

constexpr const char* kAway = "its history is not known, because the store is away";

// There are bytes that somebody may still want to save something from.
bool has_remains(Presence presence) {
  return presence == Presence::kNotADatabase || presence == Presence::kCutOff ||
         presence == Presence::kDamaged;
}

std::string violations(const Inspection& inspection) {
  std::string text;
  for (const InvariantResult& result : inspection.invariants) {
    if (result.holds) continue;
    text += fmt::format("{}{} is violated (found: {})", text.empty() ? "" : "; ", result.name,
                        result.found);
  }
  return text;
}

Decision decide_absent(const Inspection& inspection, const GuardRequest& request) {
  const Presence presence = inspection.presence.presence;
  const std::string found = fmt::format("the database is {}", sqlite::presence_name(presence));
  const bool remains = has_remains(presence);
  const bool warn = request.on_violation == OnViolation::kWarn;
  if (!inspection.history_known) {
    if (warn && !remains) return {Action::kCreateEmpty, fmt::format("{}, and {}", found, kAway)};
    return {Action::kRefuse, fmt::format("{}, and {}: try again when it is back", found, kAway)};
  }
  if (inspection.has_history) {
    return {Action::kRestore, fmt::format("{}, and there is a history of it", found)};
  }
  if (inspection.has_seed) {
    if (!request.production || request.force_import) {
      return {Action::kSeed, fmt::format("{}, and there is no history, but a seed", found)};
    }
    if (!remains) {
      return {Action::kSkipImport,
              fmt::format("{}, there is no history, and import of the seed {} is skipped in "
                          "production; {}=true allows it",
                          found, request.seed.string(), request.force_switch)};
    }
  }
  if (remains) {
    return {warn ? Action::kServeWarning : Action::kRefuse,
            fmt::format("{}, and there is no history to restore", found)};
  }
  return {request.create_empty ? Action::kCreateEmpty : Action::kServe,
          fmt::format("{}, and there is neither history nor seed", found)};
}

Decision by_violation(OnViolation wanted, const std::string& reason) {
  switch (wanted) {
    case OnViolation::kRestore:
      return {Action::kRestore, reason};
    case OnViolation::kMerge:
      return {Action::kMerge, reason};
    case OnViolation::kRefuse:
      return {Action::kRefuse, reason};
    case OnViolation::kWarn:
      return {Action::kServeWarning, reason};
  }
  return {Action::kRefuse, reason};
}

Decision decide_violated(const Inspection& inspection, const GuardRequest& request) {
  const OnViolation wanted = request.on_violation;
  const std::string found = "invariant " + violations(inspection);
  if (inspection.history_known && inspection.has_history) return by_violation(wanted, found);
  const std::string reason = fmt::format(
      "{}, and {}", found, inspection.history_known ? "there is no history to restore" : kAway);
  const bool serve =
      wanted == OnViolation::kWarn || (wanted == OnViolation::kMerge && inspection.history_known);
  return {serve ? Action::kServeWarning : Action::kRefuse, reason};
}

}  // namespace

bool Inspection::violated() const {
  return std::ranges::any_of(invariants, [](const auto& result) { return !result.holds; });
}

Decision decide(const Inspection& inspection, const GuardRequest& request) {
  if (!sqlite::is_there(inspection.presence.presence)) return decide_absent(inspection, request);
  const Lineage lineage = inspection.has_history ? inspection.lineage : Lineage::kNoHistory;
  const std::string& detail = inspection.lineage_detail;
  if (lineage == Lineage::kEmptier) {
    // A fresh file never replaces a full history, whatever was said.
    const OnViolation wanted =
        request.on_violation == OnViolation::kWarn ? OnViolation::kRestore : request.on_violation;
    return by_violation(wanted, "the database is emptier than its history: " + detail);
  }
  if (lineage == Lineage::kOlder) {
    return by_violation(request.on_violation, "the database is older than its history: " + detail);
  }
  if (inspection.violated()) return decide_violated(inspection, request);
  if (std::ranges::any_of(inspection.excluded, [](auto count) { return count > 0; })) {
    return {Action::kExclude, "the database holds excluded rows"};
  }
  if (lineage == Lineage::kBehind) {
    return {Action::kServeFork, "the database is a fork of its history: " + detail};
  }
  if (lineage == Lineage::kForeign) {
    return {Action::kServeWarning, "the database is not the one of its history: " + detail};
  }
  return {Action::kServe, inspection.history_known
                              ? "the database is what it must be"
                              : fmt::format("the database is healthy, though {}", kAway)};
}

std::string_view lineage_name(Lineage lineage) {
  switch (lineage) {
    case Lineage::kNoHistory:
      return "no history";
    case Lineage::kNewest:
      return "newest";
    case Lineage::kAhead:
      return "ahead";
    case Lineage::kBehind:
      return "behind";
    case Lineage::kOlder:
      return "older";
    case Lineage::kEmptier:
      return "emptier";
    case Lineage::kForeign:
      return "foreign";
  }
  return "";
}

std::string_view action_name(Action action) {
  switch (action) {
    case Action::kServe:
      return "serve";
    case Action::kServeFork:
      return "serve a fork";
    case Action::kExclude:
      return "exclude";
    case Action::kRestore:
      return "restore";
    case Action::kMerge:
      return "merge";
    case Action::kSeed:
      return "seed";
    case Action::kCreateEmpty:
      return "create empty";
    case Action::kSkipImport:
      return "skip import";
    case Action::kRefuse:
      return "refuse";
    case Action::kServeWarning:
      return "serve with a warning";
  }
  return "";
}

}  // namespace holdfast::engine
