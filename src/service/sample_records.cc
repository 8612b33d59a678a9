#include "service/sample_records.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"

namespace holdfast::service {
namespace {

// Fields of a sample must be there and equal; the table may add others.
bool holds(const engine::Record& found, const engine::Record& wanted) {
  if (!wanted.is_object() || !found.is_object()) return found == wanted;
  for (const auto& [name, value] : wanted.items()) {
    if (!found.contains(name)) return false;
    if (!holds(found.at(name), value)) return false;
  }
  return true;
}

}  // namespace

void not_so(std::string what) { throw Error(ErrorCode::kDifferent, std::move(what)); }

SampleRecords::SampleRecords(const ScratchSite& site, Progress& progress)
    : site_(site), progress_(progress) {
  for (const auto& [collection, record] : site.samples()) order_.push_back(collection);
}

engine::WriteAnswer SampleRecords::save_one(Records& records, const std::string& collection) {
  return records
      .write({{.id = {},
               .kind = engine::WriteKind::kPut,
               .collection = collection,
               .record = site_.samples().at(collection),
               .record_id = {}}})
      .at(0);
}

SampleRecords::Answers SampleRecords::save(Records& records, engine::Kept kept) {
  Answers answers;
  std::vector<std::string> kept_in_order, waiting = order_;
  while (!waiting.empty()) {
    std::vector<std::string> refused;
    for (const std::string& collection : waiting) {
      engine::WriteAnswer answer = save_one(records, collection);
      if (answer.outcome.refused) {
        refused.push_back(collection);
      } else if (answer.kept != kept) {
        not_so(fmt::format("a record of {} was not kept where it should be: {}", collection,
                           answer.why));
      } else {
        kept_in_order.push_back(collection);
      }
      answers[collection] = std::move(answer);
    }
    if (refused.size() == waiting.size()) {
      const std::string& first = refused.front();
      not_so(fmt::format("a record of {}{} was refused: {}", first,
                         site_.is_made_up(first) ? " (made up: the table is empty)" : "",
                         answers.at(first).outcome.refused->happened()));
    }
    waiting = std::move(refused);
  }
  order_ = std::move(kept_in_order);
  return answers;
}

void SampleRecords::save_those_before(Records& records, const std::string& collection) {
  for (const std::string& each : order_) {
    if (each == collection) return;
    save_one(records, each);
  }
}

void SampleRecords::expect(Records& records, const Answers& answers, bool there) {
  for (const auto& [collection, answer] : answers) {
    progress_.advance(0);
    const auto found = records.get(collection, answer.outcome.record_id);
    if (found.has_value() != there) {
      not_so(fmt::format("the record of {} is {}", collection,
                         there ? "not there" : "there after the state before was restored"));
    }
    if (found && !answer.outcome.adjusted.empty()) continue;
    if (found && !holds(*found, site_.samples().at(collection))) {
      not_so(fmt::format("the record of {} is not as it was saved", collection));
    }
  }
}

std::string SampleRecords::counted() const {
  return fmt::format("{} {}", order_.size(), order_.size() == 1 ? "record" : "records");
}

}  // namespace holdfast::service
