#include "service/diff_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "repository/snapshot.h"
#include "service/adopt_job.h"
#include "service/databases.h"
#include "service/moment.h"
#include "service/restore_job.h"
#include "service/snapshot_choice.h"

namespace holdfast::service {
namespace {

using repository::DatabaseState;
using repository::Snapshot;

// "at:yesterday" as {"at", "yesterday"}; empty for a word that is none of these.
std::optional<std::pair<std::string, std::string>> history_word(const std::string& word) {
  const auto colon = word.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string kind = word.substr(0, colon);
  if (kind != "index" && kind != "at" && kind != "position" && kind != "mark") return std::nullopt;
  return std::pair(kind, word.substr(colon + 1));
}

class Choice {
 public:
  Choice(Session& session, std::string database)
      : session_(session), wanted_(std::move(database)) {}

  ChosenSides choose(const std::vector<std::string>& words) {
    if (words.empty() || words.size() > 2) {
      throw Error(ErrorCode::kUsage,
                  words.empty() ? std::string("it is not said what is to be compared")
                                : fmt::format("two databases are compared, not {}", words.size()),
                  {}, "For example: holdfast diff latest app.db");
    }
    // Files first: they say which database of a snapshot is meant.
    std::optional<ChosenSide> before = standing(words.front()), after;
    if (words.size() == 2) {
      after = standing(words.back());
    } else if (before) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("it is not said what {} is to be compared with", words.front()), {},
                  fmt::format("For example: holdfast diff latest {}", words.front()));
    }
    if (after) other_ = after->database;
    if (before) other_ = before->database;
    if (!before) before = out_of_history(words.front());
    if (other_.empty()) other_ = before->database;
    if (!after) after = words.size() == 2 ? out_of_history(words.back()) : live(*before);
    return {.before = std::move(*before), .after = std::move(*after)};
  }

 private:
  // Empty for what is no file and no configured database.
  std::optional<ChosenSide> standing(const std::string& word) {
    if (history_word(word)) return std::nullopt;
    std::vector<Database> found;
    try {
      found =
          choose_databases(std::span(&word, 1), false, session_.configuration(), session_.world());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDatabaseUnknown) throw;
      unknown_.emplace(error);
      return std::nullopt;
    }
    if (found.size() != 1) {
      throw Error(ErrorCode::kUsage, fmt::format("\"{}\" is {} databases", word, found.size()));
    }
    return file_side(found.front().source.path, found.front().name);
  }
  static ChosenSide file_side(const env::Path& path, std::string name) {
    ChosenSide chosen;
    chosen.side.file = path;
    chosen.database = std::move(name);
    chosen.label = path.string();
    return chosen;
  }

  ChosenSide live(const ChosenSide& before) {
    if (const auto known =
            configured_database(before.database, session_.configuration(), session_.world())) {
      return file_side(known->source.path, before.database);
    }
    const auto& side = before.side;
    return file_side(side.point ? side.point->state.source : side.state->source, before.database);
  }

  ChosenSide out_of_history(const std::string& word) {
    expect_repository();
    if (!std::exchange(is_complete_, true)) adopt_waiting(session_, session_.progress());
    const auto special = history_word(word);
    if (!special) return of_snapshot({.text = word, .index = {}, .database = {}});
    const auto& [kind, value] = *special;
    if (kind == "index") return of_snapshot({.text = {}, .index = number(value), .database = {}});
    MomentChoice moment;
    (kind == "at" ? moment.at : kind == "position" ? moment.position : moment.mark) = value;
    return of_moment(moment);
  }
  // A word that means nothing without a repository is said to be none of what it could be.
  void expect_repository() {
    try {
      session_.place();
    } catch (const Error& error) {
      if (!unknown_ || error.code() != ErrorCode::kUsage) throw;
      throw Error(unknown_->code(), unknown_->happened() + ", and no repository is said", {},
                  "Check the path, or say --repo.");
    }
  }
  static std::size_t number(const std::string& text) {
    std::size_t value = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec == std::errc{} && parsed.ptr == end && value > 0) return value;
    throw Error(ErrorCode::kUsage,
                fmt::format("index:N counts from 1, the newest; not \"{}\"", text));
  }

  const std::vector<Snapshot>& snapshots() {
    if (!snapshots_) {
      auto list = repository::list_snapshots(session_.repository());
      for (const std::string& object : list.unreadable) {
        session_.progress().warning(
            fmt::format("{} is damaged and left out; `holdfast verify --all` tells more", object));
      }
      snapshots_ = std::move(list.snapshots);
    }
    return *snapshots_;
  }
  ChosenSide of_snapshot(const repository::Selector& selector) {
    std::vector<std::string> holding;
    if (!wanted_.empty()) {
      holding = {wanted_};
    } else if (std::ranges::any_of(snapshots(), [&](const Snapshot& snapshot) {
                 return snapshot.database(other_) != nullptr;
               })) {
      holding = {other_};
    }
    const Snapshot snapshot = choose_snapshot(snapshots(), selector, holding);
    const DatabaseState& state = database_of(snapshot);
    ChosenSide chosen;
    chosen.side.state = state;
    chosen.database = state.name;
    chosen.label = fmt::format("snapshot {} of {} ({})", snapshot.id.short_hex(),
                               format_local(snapshot.time), state.name);
    return chosen;
  }
  const DatabaseState& database_of(const Snapshot& snapshot) const {
    for (const std::string& name : {wanted_, other_}) {
      const DatabaseState* state = name.empty() ? nullptr : snapshot.database(name);
      if (state != nullptr) return *state;
    }
    if (snapshot.databases.size() == 1) return snapshot.databases.front();
    std::vector<std::string> names;
    for (const DatabaseState& state : snapshot.databases) names.push_back(state.name);
    throw Error(ErrorCode::kUsage,
                fmt::format("snapshot {} holds several databases: {}", snapshot.id.short_hex(),
                            fmt::join(names, ", ")),
                {}, "Say --database DB.");
  }

  ChosenSide of_moment(const MomentChoice& moment) {
    ChosenSide chosen;
    chosen.database = database_of_moment();
    auto points = read_moments(session_, std::span(&chosen.database, 1), moment);
    chosen.side.point = std::move(points.front());
    const auto& point = *chosen.side.point;
    chosen.label = fmt::format("position {} of {} ({})", to_text(point.position),
                               format_local(point.state.moment), chosen.database);
    return chosen;
  }
  std::string database_of_moment() {
    if (!wanted_.empty()) return wanted_;
    std::vector<std::string> names;
    for (const auto& database : session_.configuration().databases) names.push_back(database.name);
    for (const Snapshot& snapshot : snapshots()) {
      for (const DatabaseState& state : snapshot.databases) names.push_back(state.name);
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (std::ranges::find(names, other_) != names.end()) return other_;
    if (names.size() == 1) return names.front();
    throw Error(ErrorCode::kUsage, "it is not said which database is meant", {},
                "Say --database DB.");
  }

  Session& session_;
  std::string wanted_;            // --database
  std::string other_;             // the database that the other side is of
  std::optional<Error> unknown_;  // why a word is no database
  bool is_complete_ = false;      // what machines have sent is in the history
  std::optional<std::vector<Snapshot>> snapshots_;
};

}  // namespace

ChosenSides choose_sides(Session& session, const std::vector<std::string>& words,
                         const std::string& database) {
  return Choice(session, database).choose(words);
}

sqlite::DifferenceSummary diff(Session& session, const ChosenSides& sides,
                               const std::vector<std::string>& tables, const env::Path& scratch,
                               sqlite::DifferenceSink& sink) {
  const auto &before = sides.before.side, &after = sides.after.side;
  const bool history = before.is_history() || after.is_history();
  engine::DiffRequest request;
  request.tables = tables;
  request.scratch = scratch;
  return engine::diff(history ? &session.repository() : nullptr, session.world().files, before,
                      after, request, sink, session.progress());
}

}  // namespace holdfast::service
