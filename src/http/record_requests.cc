#include "http/record_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace holdfast::http {
namespace {

using engine::Write;
using engine::WriteKind;

constexpr std::size_t kLongestIdempotencyKey = 255;

Error not_understood(std::string what) {
  return Error(ErrorCode::kRequestInvalid, std::move(what));
}

std::uint64_t number_of(const Request& request, std::string_view name, std::uint64_t otherwise,
                        std::uint64_t most) {
  const auto* text = request.parameter(name);
  if (text == nullptr) return otherwise;
  std::uint64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [parsed, failed] = std::from_chars(text->data(), end, number);
  if (failed != std::errc() || parsed != end || number > most) {
    throw not_understood(fmt::format("{} must be a whole number from 0 to {}", name, most));
  }
  return number;
}

bool truth_of(const Request& request, std::string_view name) {
  const auto* text = request.parameter(name);
  if (text == nullptr || *text == "false") return false;
  if (*text != "true") throw not_understood(fmt::format("{} must be true or false", name));
  return true;
}

void expect_parameters(const Request& request, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query) {
    if (std::ranges::find(known, name) == known.end()) {
      throw not_understood(
          fmt::format("the parameter \"{}\" is not known here", name.substr(0, 80)));
    }
  }
}

engine::WriteCondition condition_of(const Request& request) {
  engine::WriteCondition condition;
  if (const auto* text = request.header("if-match")) {
    EntityTags tags = parse_entity_tags(*text);
    condition.present = true;
    // Of versions that are only as good as equal, none is the one that was read.
    condition.tags = std::move(tags.strong);
    if (!tags.any && condition.tags.empty()) throw not_understood("If-Match has no strong ETag");
  }
  if (const auto* text = request.header("if-none-match")) {
    if (!parse_entity_tags(*text).any) {
      throw not_understood("for a write, If-None-Match can only be *");
    }
    condition.absent = true;
  }
  return condition;
}

// What the writes of one request have in common.
class Repetition {
 public:
  explicit Repetition(const Request& request) {
    const auto* key = request.header("idempotency-key");
    if (key == nullptr) return;
    if (key->empty() || key->size() > kLongestIdempotencyKey) {
      throw not_understood(
          fmt::format("an Idempotency-Key has 1 to {} characters", kLongestIdempotencyKey));
    }
    key_ = *key;
    std::string asked = request.method + '\n' + request.path + '\n';
    for (const auto& [name, value] : request.query) asked += name + '=' + value + '&';
    digest_ = engine::text_digest(asked + '\n' + request.body);
  }
  void apply(Write& write, std::size_t number) const {
    if (key_.empty()) return;
    write.id = engine::text_digest(fmt::format("{}\n{}\n{}", write.collection, number, key_));
    write.digest = digest_;
    write.repeatable = true;
  }

 private:
  std::string key_, digest_;
};

std::vector<std::variant<engine::Record, Error>> records_in_lines(std::string_view text) {
  std::vector<std::variant<engine::Record, Error>> records;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    try {
      records.emplace_back(engine::parse_record_json(line, fmt::format("line {}", number)));
    } catch (const Error& error) {
      records.emplace_back(error);
    }
  }
  return records;
}

}  // namespace

EntityTags parse_entity_tags(std::string_view text) {
  EntityTags tags;
  if (text == "*") {
    tags.any = true;
    return tags;
  }
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t,"), text.size()));
    if (text.empty()) break;
    const bool weak = text.starts_with("W/");
    if (weak) text.remove_prefix(2);
    const auto end = text.find('"', 1);
    if (!text.starts_with('"') || end == std::string_view::npos) {
      throw not_understood("an ETag must stand in quotes");
    }
    (weak ? tags.weak : tags.strong).emplace_back(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
  }
  return tags;
}

std::string quoted_tag(std::string_view tag) { return fmt::format("\"{}\"", tag); }

bool has_already(const Request& request, std::string_view tag) {
  const auto* text = request.header("if-none-match");
  if (text == nullptr) return false;
  const EntityTags tags = parse_entity_tags(*text);
  const auto among = [&](const std::vector<std::string>& list) {
    return std::ranges::find(list, tag) != list.end();
  };
  return tags.any || among(tags.strong) || among(tags.weak);
}

engine::ListRequest list_request(const Request& request, std::uint64_t size_unless_said) {
  expect_parameters(request, {"filter", "sort", "page", "size"});
  engine::ListRequest list{.filters = {}, .sort = {}};
  for (const auto& [name, value] : request.query) {
    if (name == "filter") list.filters.push_back(value);
    if (name == "sort") list.sort.push_back(value);
  }
  constexpr std::uint64_t kAll = 1ULL << 31;  // more than a list could hold
  list.size = number_of(request, "size", size_unless_said, kMostListed);
  if (list.size == 0 && request.parameter("size") == nullptr) list.size = kAll;
  list.page = number_of(request, "page", 0, kAll);
  return list;
}

bool holds_lines(const Request& request) {
  const auto* type = request.header("content-type");
  return type != nullptr &&
         (type->find("ndjson") != std::string::npos || type->find("jsonl") != std::string::npos ||
          type->find("json-lines") != std::string::npos);
}

AskedWrites asked_puts(const Request& request, const std::string& collection) {
  expect_parameters(request, {"undelete"});
  const engine::WriteCondition condition = condition_of(request);
  if (condition.present) {
    throw not_understood("If-Match is for one record: send it with a PUT to the record's own path");
  }
  std::vector<std::variant<engine::Record, Error>> records;
  AskedWrites asked;
  if (holds_lines(request)) {
    records = records_in_lines(request.body);
  } else {
    engine::Record body = engine::parse_record_json(request.body, "the body");
    asked.single = !body.is_array();
    if (asked.single) {
      records.emplace_back(std::move(body));
    } else {
      for (engine::Record& record : body) records.emplace_back(std::move(record));
    }
  }
  const Repetition repetition(request);
  const bool undelete = truth_of(request, "undelete");
  for (auto& record : records) {
    if (auto* error = std::get_if<Error>(&record)) {
      asked.items.emplace_back(std::move(*error));
      continue;
    }
    Write write{.id = {},
                .kind = WriteKind::kPut,
                .collection = collection,
                .record = std::move(std::get<engine::Record>(record)),
                .record_id = {},
                .undelete = undelete,
                .condition = condition};
    repetition.apply(write, asked.items.size());
    asked.items.emplace_back(std::move(write));
  }
  return asked;
}

engine::Write asked_write(const Request& request, engine::WriteKind kind,
                          const std::string& collection, const std::string& record_id) {
  Write write{.id = {},
              .kind = kind,
              .collection = collection,
              .record = {},
              .record_id = record_id,
              .condition = condition_of(request)};
  if (kind == WriteKind::kPut) {
    expect_parameters(request, {"undelete"});
    write.undelete = truth_of(request, "undelete");
    write.record = engine::parse_record_json(request.body, "the body");
  } else {
    expect_parameters(request, {});
    if (!request.body.empty()) throw not_understood("this request takes no body");
  }
  Repetition(request).apply(write, 0);
  return write;
}

}  // namespace holdfast::http
