#include "http/openapi.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/version.h"

namespace holdfast::http {
namespace {

using Json = nlohmann::ordered_json;

Json reference(const std::string& schema) { return {{"$ref", "#/components/schemas/" + schema}}; }

Json content(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

Json answer(const std::string& description, Json schema) {
  return {{"description", description}, {"content", content(std::move(schema))}};
}

Json parameter(const std::string& name, const std::string& in, const std::string& description,
               Json schema = {{"type", "string"}}) {
  return {{"name", name},
          {"in", in},
          {"required", in == "path"},
          {"description", description},
          {"schema", std::move(schema)}};
}

Json refusals() {
  Json all = Json::object();
  for (const auto& [status, description] :
       {std::pair("400", "The request cannot be understood"), std::pair("401", "No known token"),
        std::pair("404", "No such record or collection"), std::pair("410", "It was deleted"),
        std::pair("412", "A condition is not met"), std::pair("413", "Too large"),
        std::pair("422", "Not a record of this collection; names record and column"),
        std::pair("503", "Not kept, or not to be read now: try again")}) {
    all[status] = answer(description, reference("Error"));
  }
  return all;
}

Json operation(const std::string& summary, Json parameters, Json answers) {
  Json all = std::move(answers);
  all.update(refusals());
  return {{"summary", summary}, {"parameters", std::move(parameters)}, {"responses", all}};
}

Json write_headers() {
  return Json::array({parameter("Idempotency-Key", "header",
                                "The same key and body again are answered as the first time"),
                      parameter("undelete", "query", "Bring it back even if it was deleted",
                                {{"type", "boolean"}})});
}

Json write_answers() {
  return {{"200", answer("Stored", reference("Answer"))},
          {"201", answer("Stored, and new", reference("Answer"))},
          {"202", answer("Spooled, or in an emergency copy", reference("Answer"))}};
}

Json records_path(const std::string& name, bool plain) {
  const Json number = {{"type", "integer"}, {"minimum", 0}};
  const Json texts = {{"type", "array"}, {"items", {{"type", "string"}}}};
  const Json array = {{"type", "array"}, {"items", {{"type", "object"}}}};
  Json get = operation(
      "List " + name,
      Json::array({parameter("filter", "query", "field=value, !=, <, <=, >, >=, ~", texts),
                   parameter("sort", "query", "A field; -field the other way", texts),
                   parameter("page", "query", "From 0", number),
                   parameter("size", "query", "Records on a page", number)}),
      {{"200", answer("The records", plain ? array : reference("Page"))},
       {"304", {{"description", "As the ETag says that the client has them"}}}});
  Json answers = write_answers();
  answers["207"] = answer("Of several, some were refused", reference("Answers"));
  Json post = operation("Save one record, a list, or one a line", write_headers(), answers);
  post["requestBody"] = {
      {"content",
       {{"application/json", {{"schema", {{"oneOf", {{{"type", "object"}}, array}}}}}},
        {"application/x-ndjson", {{"schema", {{"type", "string"}}}}}}}};
  return {{"get", std::move(get)}, {"post", std::move(post)}};
}

Json record_path(const std::string& name) {
  const Json key = parameter("key", "path", "The record's key; of several columns a JSON list");
  const Json if_match = parameter("If-Match", "header", "Only over the version with this ETag");
  Json put_parameters = write_headers();
  put_parameters.push_back(key);
  put_parameters.push_back(if_match);
  put_parameters.push_back(parameter("If-None-Match", "header", "*: only if there is none"));
  Json put = operation("Save a record of " + name, put_parameters, write_answers());
  put["requestBody"] = {{"content", content({{"type", "object"}})}};
  return {{"get", operation("Read a record of " + name,
                            Json::array({key, parameter("If-None-Match", "header", "An ETag")}),
                            {{"200", answer("The record", {{"type", "object"}})},
                             {"304", {{"description", "The client has this version"}}}})},
          {"put", std::move(put)},
          {"delete", operation("Delete a record of " + name + " with its children, for good",
                               Json::array({key, if_match}), write_answers())}};
}

Json undelete_path() {
  return {{"post", operation("Let a deleted record be saved again",
                             Json::array({parameter("key", "path", "The record's key")}),
                             write_answers())}};
}

Json schemas() {
  const Json text = {{"type", "string"}}, number = {{"type", "integer"}};
  const Json truth = {{"type", "boolean"}};
  const Json texts = {{"type", "array"}, {"items", text}};
  return {{"Error",
           {{"type", "object"},
            {"properties",
             {{"error",
               {{"type", "object"},
                {"properties",
                 {{"code", text}, {"message", text}, {"safe", text}, {"next", text}}}}}}}}},
          {"Answer",
           {{"type", "object"},
            {"properties",
             {{"result", {{"enum", {"stored", "spooled", "emergency", "refused"}}}},
              {"collection", text},
              {"id", text},
              {"created", truth},
              {"replayed", truth},
              {"adjusted", texts},
              {"children_removed", number},
              {"why", text},
              {"file", text}}}}},
          {"Answers",
           {{"type", "object"},
            {"properties",
             {{"stored", number},
              {"spooled", number},
              {"emergency", number},
              {"refused", number},
              {"records", {{"type", "array"}, {"items", reference("Answer")}}}}}}},
          {"Page",
           {{"type", "object"},
            {"properties",
             {{"collection", text},
              {"total", number},
              {"page", number},
              {"size", number},
              {"ids", texts},
              {"records", {{"type", "array"}, {"items", {{"type", "object"}}}}}}}}}};
}

void add_collection(Json& paths, const std::string& route, const std::string& name, bool plain) {
  paths[route] = records_path(name, plain);
  paths[route + "/{key}"] = record_path(name);
  paths[route + "/{key}/undelete"] = undelete_path();
}

}  // namespace

Json openapi_document(const std::vector<engine::Collection>& collections, bool with_tokens) {
  const Json object = {{"type", "object"}};
  Json paths = Json::object();
  paths["/v1/health"] = {{"get",
                          {{"summary", "Whether all is well"},
                           {"security", Json::array()},
                           {"responses", {{"200", answer("ok or degraded", object)}}}}}};
  paths["/v1/collections"] = {
      {"get",
       {{"summary", "The collections"},
        {"responses", {{"200", answer("Their names and paths", object)}}}}}};
  for (const engine::Collection& collection : collections) {
    add_collection(paths, "/v1/collections/" + collection.name + "/records", collection.name,
                   false);
    if (!collection.route.empty()) add_collection(paths, collection.route, collection.name, true);
  }
  Json components = {{"schemas", schemas()}};
  Json document = {{"openapi", "3.1.0"},
                   {"info", {{"title", "Holdfast records"}, {"version", kVersion}}},
                   {"paths", std::move(paths)}};
  if (with_tokens) {
    components["securitySchemes"] = {{"token", {{"type", "http"}, {"scheme", "bearer"}}}};
    document["security"] = Json::array({{{"token", Json::array()}}});
  }
  document["components"] = std::move(components);
  return document;
}

}  // namespace holdfast::http
