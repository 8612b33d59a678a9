#include "http/record_requests.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::http {
namespace {

Request request_of(const std::string& target, const std::string& headers = {},
                   const std::string& body = {}) {
  Request request = parse_head("POST " + target + " HTTP/1.0\r\n" + headers + "\r\n");
  request.body = body;
  return request;
}

std::vector<engine::Write> puts(const Request& request) {
  std::vector<engine::Write> writes;
  for (auto& item : asked_puts(request, "videos").items) {
    writes.push_back(std::get<engine::Write>(item));
  }
  return writes;
}

template <typename Work>
ErrorCode refused(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(EntityTags, AreReadAsTheyAreWritten) {
  const EntityTags tags = parse_entity_tags("\"a\", W/\"b\" ,\"\"");
  EXPECT_EQ(tags.strong, (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(tags.weak, (std::vector<std::string>{"b"}));
  EXPECT_TRUE(parse_entity_tags("*").any);
  for (const char* text : {"a", "\"a", "W/a", "\"a\" b"}) {
    EXPECT_EQ(refused([&] { parse_entity_tags(text); }), ErrorCode::kRequestInvalid) << text;
  }
  EXPECT_TRUE(has_already(request_of("/", "If-None-Match: W/\"x\", \"y\"\r\n"), "x"));
  EXPECT_FALSE(has_already(request_of("/", "If-None-Match: \"y\"\r\n"), "x"));
}

TEST(AskedList, HasFiltersOrderAndPage) {
  const auto list =
      list_request(request_of("/x?filter=a%3E%3D1&filter=b%7Ec&sort=-a&sort=b&page=2&size=7"), 50);
  EXPECT_EQ(list.filters, (std::vector<std::string>{"a>=1", "b~c"}));
  EXPECT_EQ(list.sort, (std::vector<std::string>{"-a", "b"}));
  EXPECT_EQ(list.page, 2u);
  EXPECT_EQ(list.size, 7u);
  EXPECT_EQ(list_request(request_of("/x"), 50).size, 50u);
  EXPECT_GT(list_request(request_of("/x"), 0).size, 1'000'000u);
  for (const char* target : {"/x?size=-1", "/x?size=100000", "/x?page=a", "/x?pages=1"}) {
    EXPECT_EQ(refused([&] { list_request(request_of(target), 50); }), ErrorCode::kRequestInvalid)
        << target;
  }
}

TEST(AskedPuts, AreOneRecordAListOrALineEach) {
  EXPECT_TRUE(asked_puts(request_of("/", "", R"({"a": 1})"), "videos").single);
  EXPECT_EQ(puts(request_of("/", "", R"([{"a": 1}, {"a": 2}])")).size(), 2u);
  const auto lines = asked_puts(request_of("/", "Content-Type: application/x-ndjson\r\n",
                                           "{\"a\": 1}\n\n{\"a\"\n{\"a\": 3}\n"),
                                "videos");
  ASSERT_EQ(lines.items.size(), 3u);
  EXPECT_FALSE(lines.single);
  EXPECT_EQ(std::get<Error>(lines.items[1]).code(), ErrorCode::kRecordInvalid);
  EXPECT_NE(std::get<Error>(lines.items[1]).happened().find("line 3"), std::string::npos);
  EXPECT_EQ(std::get<engine::Write>(lines.items[2]).record, engine::Record({{"a", 3}}));
  EXPECT_EQ(refused([] { asked_puts(request_of("/"), "videos"); }), ErrorCode::kRecordInvalid);
}

TEST(IdempotencyKey, MakesTheSameWriteOfTheSameRequest) {
  const auto write = [](const std::string& key, const std::string& body) {
    return puts(request_of("/", "Idempotency-Key: " + key + "\r\n", body));
  };
  const auto first = write("k", R"([{"a":1},{"a":2}])"), again = write("k", R"([{"a":1},{"a":2}])");
  EXPECT_EQ(first[0].id, again[0].id);
  EXPECT_EQ(first[0].digest, again[0].digest);
  EXPECT_EQ(first[0].id.size(), 32u);
  EXPECT_TRUE(first[0].repeatable);
  EXPECT_NE(first[0].id, first[1].id);
  const auto other = write("k", R"([{"a":1},{"a":3}])");
  EXPECT_EQ(first[0].id, other[0].id);
  EXPECT_NE(first[0].digest, other[0].digest);
  EXPECT_NE(first[0].id, write("l", R"([{"a":1}])")[0].id);
  EXPECT_TRUE(puts(request_of("/", "", "{}"))[0].id.empty());
  EXPECT_EQ(refused([&] { write(std::string(256, 'k'), "{}"); }), ErrorCode::kRequestInvalid);
}

TEST(Conditions, ComeFromTheHeaders) {
  const auto put = [](const std::string& headers) {
    return asked_write(request_of("/", headers, "{}"), engine::WriteKind::kPut, "videos", "a")
        .condition;
  };
  EXPECT_TRUE(put("").empty());
  EXPECT_EQ(put("If-Match: \"x\", W/\"y\"\r\n").tags, std::vector<std::string>{"x"});
  EXPECT_TRUE(put("If-Match: *\r\n").present);
  EXPECT_TRUE(put("If-None-Match: *\r\n").absent);
  EXPECT_EQ(refused([&] { put("If-None-Match: \"x\"\r\n"); }), ErrorCode::kRequestInvalid);
  EXPECT_EQ(refused([&] { put("If-Match: W/\"x\"\r\n"); }), ErrorCode::kRequestInvalid);
}

}  // namespace
}  // namespace holdfast::http
