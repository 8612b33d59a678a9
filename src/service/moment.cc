#include "service/moment.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/error.h"
#include "repository/snapshot.h"
#include "service/audit.h"
#include "service/nearest_word.h"
#include "service/reachable_states.h"

namespace holdfast::service {
namespace {

using repository::Mark;
using repository::Position;
using repository::StatePath;
using repository::Timeline;

// A state that could be had instead.
struct Offer {
  Time time{};
  std::string what;     // "position 3.1045"
  std::string command;  // that restores it
};

struct Offers {
  std::optional<Offer> before, after;
  void consider(Time wanted, Offer offer) {
    if (offer.time <= wanted && (!before || offer.time > before->time)) before = offer;
    if (offer.time > wanted && (!after || offer.time < after->time)) after = offer;
  }
};

std::string restore_command(std::vector<std::string> which, std::string_view database) {
  std::vector<std::string> words{"holdfast", "restore"};
  words.insert(words.end(), which.begin(), which.end());
  words.insert(words.end(), {"--database", std::string(database)});
  return shell_quoted(words);
}

std::string timeline_command(std::string_view database) {
  return fmt::format("`{}`", shell_quoted({"holdfast", "timeline", std::string(database)}));
}

std::vector<KnownState> reachable_on_main_line(const Timeline& timeline) {
  std::vector<KnownState> states = known_states(timeline);
  std::erase_if(states,
                [](const KnownState& state) { return !state.reachable || !state.on_main_line; });
  return states;
}

Offer offer_of(const KnownState& state, std::string_view database) {
  const std::string position = to_text(state.position);
  return {state.time, "position " + position, restore_command({"--position", position}, database)};
}

// Snapshots are looked at only here, where there is nothing else to offer: each is a read.
Offers offers_at(Session& session, const Timeline& timeline, std::string_view database,
                 Time wanted) {
  Offers offers;
  for (const KnownState& state : reachable_on_main_line(timeline)) {
    offers.consider(wanted, offer_of(state, database));
  }
  for (const repository::Snapshot& snapshot :
       repository::list_snapshots(session.repository()).snapshots) {
    const repository::DatabaseState* state = snapshot.database(database);
    if (state == nullptr) continue;
    const std::string id = snapshot.id.short_hex();
    offers.consider(wanted, {state->moment, "snapshot " + id, restore_command({id}, database)});
  }
  return offers;
}

[[noreturn]] void refuse(std::string why, const Offers& offers, std::string_view database) {
  std::vector<std::string> nearest, commands;
  const auto add = [&](const char* side, const std::optional<Offer>& offer) {
    if (!offer) return;
    nearest.push_back(
        fmt::format("the nearest {} it is {} of {}", side, offer->what, format_local(offer->time)));
    commands.push_back(fmt::format("`{}`", offer->command));
  };
  add("before", offers.before);
  add("after", offers.after);
  if (nearest.empty()) {
    throw Error(ErrorCode::kPositionMissing, why, {},
                "There is no other state of it either; `holdfast replicate` keeps every commit.");
  }
  throw Error(ErrorCode::kPositionMissing, fmt::format("{}; {}", why, fmt::join(nearest, ", ")), {},
              fmt::format("{} brings that back; {} shows what there is.",
                          fmt::join(commands, " or "), timeline_command(database)));
}

StatePath at_time(Session& session, const Timeline& timeline, std::string_view database,
                  const std::string& text) {
  const auto wanted = parse_moment(text, session.world().clock.now());
  if (!wanted) {
    throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is no time that --at understands", text), {},
                "Say \"10 minutes ago\", \"2026-11-21 03:24:15\" (local time) or "
                "2026-11-21T03:24:15Z.");
  }
  if (auto path = repository::find_moment(timeline, *wanted, nullptr)) return *path;
  const Offers offers = offers_at(session, timeline, database, *wanted);
  const std::string moment = format_local(*wanted);
  if (timeline.empty()) {
    refuse(fmt::format("{} has no timeline: it was not replicated", database), offers, database);
  }
  const auto states = reachable_on_main_line(timeline);
  const bool too_early = states.empty() || *wanted < states.front().time;
  refuse(too_early ? fmt::format("the timeline of {} begins after {}", database, moment)
                   : fmt::format("{} lies in a gap of the timeline of {}", moment, database),
         offers, database);
}

StatePath at_position(const Timeline& timeline, std::string_view database, const Position& wanted) {
  if (auto path = repository::find_path(timeline, wanted)) return *path;
  Offers offers;
  const auto states = reachable_on_main_line(timeline);
  const auto after = std::ranges::find_if(
      states, [&](const KnownState& state) { return state.position.number > wanted.number; });
  if (after != states.begin()) offers.before = offer_of(*std::prev(after), database);
  if (after != states.end()) offers.after = offer_of(*after, database);
  refuse(fmt::format("the timeline of {} cannot give back position {}", database,
                     wanted.branch == 0 ? std::to_string(wanted.number) : to_text(wanted)),
         offers, database);
}

StatePath at_mark(Session& session, const Timeline& timeline, std::string_view database,
                  const std::string& name) {
  const auto marks = repository::list_marks(session.repository(), timeline.series).marks;
  const auto mark = std::ranges::find(marks, name, &Mark::name);
  if (mark != marks.end()) return at_position(timeline, database, mark->position);
  std::vector<std::string> known;
  for (const Mark& one : marks) known.push_back(one.name);
  const std::string near = nearest_word(name, known);
  throw Error(ErrorCode::kPositionMissing,
              fmt::format("{} has no mark \"{}\"{}", database, name,
                          near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)),
              {}, fmt::format("{} shows its marks.", timeline_command(database)));
}

}  // namespace

Timeline load_timeline_of(Session& session, std::string_view database) {
  const repository::Repository& repository = session.repository();
  // Before the timeline: an anchor that is younger than this list would seem to be without one.
  const auto ids = repository::snapshot_ids(repository);
  const std::set<SnapshotId> snapshots(ids.begin(), ids.end());
  return repository::load_timeline(repository, repository::timeline_series(repository, database),
                                   &snapshots);
}

StatePath choose_moment(Session& session, std::string_view database, const MomentChoice& choice) {
  const int said =
      int{!choice.at.empty()} + int{!choice.position.empty()} + int{!choice.mark.empty()};
  if (said != 1) {
    throw Error(ErrorCode::kUsage, said == 0 ? "no moment is named"
                                             : "--at, --position and --mark exclude each other");
  }
  const Timeline timeline = load_timeline_of(session, database);
  if (!choice.at.empty()) return at_time(session, timeline, database, choice.at);
  if (!choice.mark.empty()) return at_mark(session, timeline, database, choice.mark);
  if (const auto position = repository::parse_position(choice.position)) {
    return at_position(timeline, database, *position);
  }
  return at_mark(session, timeline, database, choice.position);
}

}  // namespace holdfast::service
