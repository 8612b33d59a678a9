#include "http/record_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "http/openapi.h"
#include "http/record_requests.h"
#include "service/answer_json.h"

namespace holdfast::http {

using engine::Kept;
using engine::WriteAnswer;
using engine::WriteKind;

// What a path names.
struct RecordRoutes::Place {
  enum class Kind { kHealth, kOpenApi, kCollections, kRecords, kRecord, kUndelete };
  Kind kind = Kind::kRecords;
  const engine::Collection* collection = nullptr;
  bool mounted = false;
  std::string record = {};  // its id

  std::string_view methods() const {
    switch (kind) {
      case Kind::kRecords:
        return "GET, HEAD, POST";
      case Kind::kRecord:
        return "GET, HEAD, PUT, DELETE";
      case Kind::kUndelete:
        return "POST";
      default:
        return "GET, HEAD";
    }
  }
  bool takes(std::string_view method) const {
    const std::string_view all = methods();
    for (std::size_t at = 0; at < all.size();) {
      const auto end = std::min(all.find(", ", at), all.size());
      if (all.substr(at, end - at) == method) return true;
      at = end + 2;
    }
    return false;
  }
};

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kUsualPage = 50;

Error nothing_at(const Request& request) {
  return Error(ErrorCode::kRouteUnknown,
               fmt::format("there is nothing at {}", request.path.substr(0, 200)));
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-_.~:").find(c) != std::string_view::npos;
    if (plain) {
      safe += c;
    } else {
      safe += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return safe;
}

bool is_kept(const WriteAnswer& answer) { return answer.kept != Kept::kRefused; }

Error refusal_of(const WriteAnswer& answer) {
  return answer.outcome.refused.value_or(
      Error(ErrorCode::kRecordNotKept, "the write was broken off"));
}

int status_of_kept(const WriteAnswer& answer) {
  if (answer.kept != Kept::kStored) return 202;
  return answer.outcome.created ? 201 : 200;
}

// The body is the same for equal versions, so its digest tells them apart.
Response tagged(const Request& request, std::string body, std::string_view tag) {
  Response response{.status = 200, .headers = {{"ETag", quoted_tag(tag)}}, .body = std::move(body)};
  if (has_already(request, tag)) {
    response.status = 304;
    response.body.clear();
  }
  return response;
}

}  // namespace

Handler RecordRoutes::handler() {
  return {.refuse = [this](const Request& head) { return refuse(head); },
          .answer = [this](const Request& request) { return answer(request); },
          .is_brief = [this](const Request& request) { return is_brief(request); },
          .answer_together =
              [this](auto asked, const StepAside& step_aside) {
                answer_together(std::move(asked), step_aside);
              }};
}

RecordRoutes::Place RecordRoutes::place_of(const Request& request) const {
  using Kind = Place::Kind;
  const auto& segments = request.segments;
  Place place;
  // What follows the collection: nothing, a record, or a record and what to do with it.
  const auto rest = [&](std::size_t from) {
    const std::size_t more = segments.size() - from;
    if (more > 2 || (more > 0 && segments[from].empty()) ||
        (more == 2 && segments[from + 1] != "undelete")) {
      throw nothing_at(request);
    }
    if (more > 0) place.record = segments[from];
    place.kind = more == 0 ? Kind::kRecords : more == 1 ? Kind::kRecord : Kind::kUndelete;
  };
  if (segments[0] == "v1") {
    if (segments.size() == 2 && segments[1] == "health") return {.kind = Kind::kHealth};
    if (segments.size() == 2 && segments[1] == "openapi.json") return {.kind = Kind::kOpenApi};
    if (segments.size() < 2 || segments[1] != "collections") throw nothing_at(request);
    if (segments.size() == 2) return {.kind = Kind::kCollections};
    place.collection = &records_.collection(segments[2]);
    if (segments.size() == 3 || segments[3] != "records") throw nothing_at(request);
    rest(4);
    return place;
  }
  std::size_t longest = 0;
  for (const engine::Collection& collection : configuration_.collections) {
    const std::string& route = collection.route;
    if (route.size() > longest && request.path.starts_with(route) &&
        (request.path.size() == route.size() || request.path[route.size()] == '/')) {
      longest = route.size();
      place.collection = &collection;
    }
  }
  if (place.collection == nullptr) throw nothing_at(request);
  place.mounted = true;
  rest(static_cast<std::size_t>(std::ranges::count(place.collection->route, '/')));
  return place;
}

std::optional<Response> RecordRoutes::refuse(const Request& head) const {
  try {
    const auto refusal = access_.refusal(head);
    const bool is_health = head.path == "/v1/health";
    // Whoever only asks whether it is alive needs no token, and is told no more.
    if (refusal && !(is_health && refusal->code() == ErrorCode::kUnauthorized)) {
      return error_response(*refusal);
    }
    const Place place = place_of(head);
    if (place.takes(head.method)) return std::nullopt;
    Response response = error_response(
        Error(ErrorCode::kMethodNotAllowed, fmt::format("{} is not possible here", head.method)));
    response.headers.emplace_back("Allow", place.methods());
    return response;
  } catch (const Error& error) {
    return error_response(error);
  }
}

Response RecordRoutes::answer(const Request& request) {
  const Place place = place_of(request);
  const bool reads = request.method == "GET" || request.method == "HEAD";
  switch (place.kind) {
    case Place::Kind::kHealth:
      return health(request);
    case Place::Kind::kOpenApi:
      return json_response(200, openapi_document(configuration_.collections, access_.has_tokens()));
    case Place::Kind::kCollections:
      return collections();
    case Place::Kind::kRecords:
      return reads ? list(request, place) : post(request, place);
    case Place::Kind::kRecord:
      if (reads) return get(request, place);
      break;
    case Place::Kind::kUndelete:
      break;
  }
  const WriteKind kind = place.kind == Place::Kind::kUndelete ? WriteKind::kUndelete
                         : request.method == "PUT"            ? WriteKind::kPut
                                                              : WriteKind::kDelete;
  return write_one(asked_write(request, kind, place.collection->name, place.record), place);
}

Response RecordRoutes::health(const Request& request) {
  Json health = hooks_.health();
  if (access_.refusal(request)) health = {{"status", health["status"]}};
  return json_response(200, health);
}

Response RecordRoutes::collections() const {
  Json list = Json::array();
  for (const engine::Collection& collection : configuration_.collections) {
    list.push_back(
        {{"name", collection.name},
         {"database", collection.database},
         {"records", fmt::format("/v1/collections/{}/records", escaped(collection.name))},
         {"route", collection.route.empty() ? Json() : Json(collection.route)}});
  }
  return json_response(200, {{"collections", std::move(list)}});
}

Response RecordRoutes::list(const Request& request, const Place& place) {
  const std::string& name = place.collection->name;
  const auto asked = list_request(request, place.mounted ? 0 : kUsualPage);
  const engine::ListedRecords listed = records_.list(name, asked);
  std::string body = "[";
  for (const engine::Record& record : listed.records) {
    if (body.size() > 1) body += ',';
    body += engine::record_text(record);
  }
  body += ']';
  if (!place.mounted) {
    Json head = {{"collection", name},
                 {"total", listed.total},
                 {"page", asked.page},
                 {"size", asked.size},
                 {"ids", listed.ids}};
    std::string text = head.dump(-1, ' ', false, Json::error_handler_t::replace);
    text.pop_back();
    body = fmt::format("{},\"records\":{}}}", text, body);
  }
  body += '\n';
  const std::string tag = engine::text_digest(body);
  Response response = tagged(request, std::move(body), tag);
  response.headers.emplace_back("X-Total-Count", std::to_string(listed.total));
  return response;
}

Response RecordRoutes::get(const Request& request, const Place& place) {
  if (!request.query.empty()) {
    throw Error(ErrorCode::kRequestInvalid, "a single record is read without parameters");
  }
  const auto record = records_.get(place.collection->name, place.record);
  if (!record) {
    throw Error(ErrorCode::kRecordMissing,
                fmt::format("there is no record {} in {}", place.record, place.collection->name));
  }
  return tagged(request, engine::record_text(*record) + "\n", engine::record_tag(*record));
}

Response RecordRoutes::write_one(engine::Write write, const Place& place) {
  std::vector<engine::Write> writes;
  const bool is_put = write.kind == WriteKind::kPut;
  writes.push_back(std::move(write));
  return response_to_write(records_.write(std::move(writes)).at(0), place, is_put);
}

// Saving one record where nobody waits for anything but the database: what most requests are where
// there are many.
bool RecordRoutes::is_brief(const Request& request) const {
  const auto first = request.body.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || request.body[first] != '{' || holds_lines(request))
    return false;
  if (request.method != "POST" && request.method != "PUT") return false;
  if (refuse(request)) return false;
  const Place place = place_of(request);
  return !place.mounted && place.kind != Place::Kind::kUndelete;
}

void RecordRoutes::answer_together(std::vector<Asked> asked, const StepAside& step_aside) {
  std::vector<engine::SubmittedWrite> writes;
  for (Asked& one : asked) {
    try {
      const Place place = place_of(one.request);
      records_.writer(*place.collection);  // throws what is wrong with its database
      engine::Write write = only_write(one.request, place);
      writes.push_back(
          {.write = std::move(write), .done = [this, place, to = one.answer](WriteAnswer answer) {
             to([this, place, its = std::move(answer)] {
               return response_to_write(its, place, true);
             });
           }});
    } catch (const std::exception& exception) {
      one.answer([response = response_of(exception)] { return response; });
    }
  }
  records_.submit(std::move(writes), step_aside);
}

engine::Write RecordRoutes::only_write(const Request& request, const Place& place) const {
  const std::string& name = place.collection->name;
  if (place.kind == Place::Kind::kRecord) {
    return asked_write(request, WriteKind::kPut, name, place.record);
  }
  return std::get<engine::Write>(std::move(asked_puts(request, name).items.at(0)));
}

Response RecordRoutes::response_to_write(const WriteAnswer& answer, const Place& place,
                                         bool is_put) {
  if (!is_kept(answer)) return error_response(refusal_of(answer));
  hooks_.wrote(place.collection->database);
  const std::string& name = place.collection->name;
  Json json = service::answer_json(name, answer);
  // Who mounts a collection has clients that look for the record itself.
  if (place.mounted && is_put && answer.kept == Kept::kStored) {
    try {
      if (const auto record = records_.get(name, answer.outcome.record_id)) {
        json["record"] = Json(*record);
      }
    } catch (const Error&) {
      // It is stored, whether or not it can be read at this moment.
    }
  }
  Response response = json_response(status_of_kept(answer), json);
  if (is_put && !answer.outcome.record_id.empty()) {
    response.headers.emplace_back(
        "Location",
        fmt::format("{}/{}",
                    place.mounted ? place.collection->route
                                  : fmt::format("/v1/collections/{}/records", escaped(name)),
                    escaped(answer.outcome.record_id)));
  }
  return response;
}

Response RecordRoutes::post(const Request& request, const Place& place) {
  const std::string& name = place.collection->name;
  AskedWrites asked = asked_puts(request, name);
  if (asked.single) return write_one(std::get<engine::Write>(std::move(asked.items[0])), place);
  std::vector<engine::Write> writes;
  for (auto& item : asked.items) {
    if (auto* write = std::get_if<engine::Write>(&item)) writes.push_back(std::move(*write));
  }
  const auto answers = records_.write(std::move(writes));
  Json list = Json::array();
  auto next = answers.begin();
  int status = 200;
  for (const auto& item : asked.items) {
    if (const auto* error = std::get_if<Error>(&item)) {
      list.push_back(service::refusal_json(name, *error));
      status = 207;
      continue;
    }
    if (!is_kept(*next)) {
      status = 207;
    } else if (next->kept != Kept::kStored && status == 200) {
      status = 202;
    }
    list.push_back(service::answer_json(name, *next++));
  }
  if (std::ranges::any_of(answers, is_kept)) hooks_.wrote(place.collection->database);
  return json_response(status, service::answers_json(std::move(list)));
}

}  // namespace holdfast::http
