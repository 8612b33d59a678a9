#include "service/answer_json.h"

#include <nlohmann/json.hpp>
#include <string_view>

namespace holdfast::service {

namespace {

using Json = nlohmann::ordered_json;

std::string_view result_name(engine::Kept kept) {
  switch (kept) {
    case engine::Kept::kStored:
      return "stored";
    case engine::Kept::kSpooled:
      return "spooled";
    case engine::Kept::kEmergency:
      return "emergency";
    case engine::Kept::kRefused:
      break;
  }
  return "refused";
}

}  // namespace

Json error_json(const Error& error) {
  return {{"error",
           {{"code", error.name()},
            {"message", error.happened()},
            {"safe", error.safe()},
            {"next", error.next()},
            {"exit_status", error.exit_status()}}}};
}

Json answer_json(const std::string& collection, const engine::WriteAnswer& answer) {
  // One by one: a list of pairs would be made of copies, for each of very many answers.
  Json json = Json::object();
  json["result"] = result_name(answer.kept);
  json["collection"] = collection;
  json["id"] = answer.outcome.record_id;
  if (answer.kept == engine::Kept::kStored) {
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

Json refusal_json(const std::string& collection, const Error& error) {
  return {{"result", "refused"},
          {"collection", collection},
          {"id", ""},
          {"error", error_json(error)["error"]}};
}

Json answers_json(Json records) {
  Json all = {{"stored", 0}, {"spooled", 0}, {"emergency", 0}, {"refused", 0}};
  for (const Json& record : records) {
    Json& count = all[record.at("result").get<std::string>()];
    count = count.get<int>() + 1;
  }
  all["records"] = std::move(records);
  return all;
}

}  // namespace holdfast::service
