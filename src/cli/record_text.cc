#include "cli/record_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/answer_json.h"
#include "service/export_job.h"

namespace holdfast::cli {
using engine::Kept;

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
  take(error.exit_status(), error.code() == ErrorCode::kRecordNotKept ? 4 : 3);
  errors_.push_back(error);
  records_.push_back(service::refusal_json(collection_, error));
}

void WriteReport::add(const engine::WriteAnswer& answer) {
  Console& console = context_.console;
  const std::string& id = answer.outcome.record_id;
  kept_ = kept_ || answer.kept != Kept::kRefused;
  switch (answer.kept) {
    case Kept::kStored: {
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
      take(catalogue_entry(ErrorCode::kSpooled).exit_status, 1);
      console.warning(fmt::format("{} of {} waits in the spool: {}", id, collection_, answer.why));
      break;
    case Kept::kEmergency:
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
  records_.push_back(service::answer_json(collection_, answer));
}

int WriteReport::finish(bool single) {
  Console& console = context_.console;
  if (kept_) {
    const service::Configuration& configuration = context_.session.configuration();
    for (const std::string& sentence :
         service::export_after_writes(configuration, context_.session.world(),
                                      configuration.collection(collection_)->database, console)) {
      console.warning(sentence);
    }
  }
  if (single && records_.size() == 1) {
    if (!errors_.empty()) throw errors_.front();
    console.json_answer(records_.front());
    return status_;
  }
  for (const Error& error : errors_) console.warning(error.happened());
  console.json_answer(service::answers_json(std::move(records_)));
  return status_;
}

std::string record_lines(const engine::Record& record) { return record.dump(2) + "\n"; }

}  // namespace holdfast::cli
