#include "cli/record_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace holdfast::cli {
namespace {

using engine::Kept;

std::string_view result_name(Kept kept) {
  switch (kept) {
    case Kept::kStored:
      return "stored";
    case Kept::kSpooled:
      return "spooled";
    case Kept::kEmergency:
      return "emergency";
    case Kept::kRefused:
      break;
  }
  return "refused";
}

Json answer_json(const std::string& collection, const engine::WriteAnswer& answer) {
  Json json = {{"result", result_name(answer.kept)},
               {"collection", collection},
               {"id", answer.outcome.record_id}};
  if (answer.kept == Kept::kStored) {
    json["created"] = answer.outcome.created;
    json["replayed"] = answer.outcome.replayed;
    json["adjusted"] = answer.outcome.adjusted;
    json["children_removed"] = answer.outcome.children_removed;
  }
  if (!answer.why.empty()) json["why"] = answer.why;
  if (!answer.emergency_file.empty()) json["file"] = answer.emergency_file.string();
  if (answer.outcome.refused) json["error"] = error_json(*answer.outcome.refused)["error"];
  return json;
}

}  // namespace

std::string collection_word(const Context& context) {
  const auto& words = context.arguments.words;
  if (words.empty()) {
    throw Error(ErrorCode::kUsage, "it is not said which collection", {},
                "The first word is the name of a collection of holdfast.toml.");
  }
  return words.front();
}

void WriteReport::take(int status, int rank) {
  if (rank <= rank_) return;
  rank_ = rank;
  status_ = status;
}

void WriteReport::add_refused(const Error& error) {
  ++refused_;
  take(error.exit_status(), error.code() == ErrorCode::kRecordNotKept ? 4 : 3);
  errors_.push_back(error);
  Json json = error_json(error)["error"];
  records_.push_back(
      {{"result", "refused"}, {"collection", collection_}, {"id", ""}, {"error", std::move(json)}});
}

void WriteReport::add(const engine::WriteAnswer& answer) {
  Console& console = context_.console;
  const std::string& id = answer.outcome.record_id;
  switch (answer.kept) {
    case Kept::kStored: {
      ++stored_;
      const auto removed = answer.outcome.children_removed;
      const std::string children =
          removed == 0 ? "" : fmt::format(", with {} of its children", removed);
      console.say(fmt::format("{} {} of {}{}.\n", verb_, id, collection_, children));
      for (const std::string& field : answer.outcome.adjusted) {
        console.notice(
            fmt::format("{}: the database made something else of the field {}.", id, field));
      }
      break;
    }
    case Kept::kSpooled:
      ++spooled_;
      take(catalogue_entry(ErrorCode::kSpooled).exit_status, 1);
      console.warning(fmt::format("{} of {} waits in the spool: {}", id, collection_, answer.why));
      break;
    case Kept::kEmergency:
      ++emergency_;
      take(catalogue_entry(ErrorCode::kEmergencySaved).exit_status, 2);
      console.warning(fmt::format("{} of {} is kept in {} alone: {}", id, collection_,
                                  answer.emergency_file.string(), answer.why));
      break;
    case Kept::kRefused: {
      const Error error = answer.outcome.refused.value_or(
          Error(ErrorCode::kRecordNotKept, "the write was broken off"));
      add_refused(error);
      records_.back()["id"] = id;
      return;
    }
  }
  records_.push_back(answer_json(collection_, answer));
}

int WriteReport::finish(bool single) {
  Console& console = context_.console;
  if (single && records_.size() == 1) {
    if (!errors_.empty()) throw errors_.front();
    console.json_answer(records_.front());
    return status_;
  }
  for (const Error& error : errors_) console.warning(error.happened());
  console.json_answer({{"stored", stored_},
                       {"spooled", spooled_},
                       {"emergency", emergency_},
                       {"refused", refused_},
                       {"records", records_}});
  return status_;
}

std::string record_lines(const engine::Record& record) { return record.dump(2) + "\n"; }

}  // namespace holdfast::cli
