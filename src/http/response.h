// What a client is answered.
#ifndef HOLDFAST_HTTP_RESPONSE_H_
#define HOLDFAST_HTTP_RESPONSE_H_

#include <exception>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace holdfast::http {

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string content_type = "application/json";
  bool without_body = false;  // of HEAD: the length is that of a body which is not sent
};

// Text that is not UTF-8 becomes readable rather than an error.
Response json_response(int status, const nlohmann::ordered_json& value);
// {"error": {"code", "message", "safe", "next", …}}, with the status of its code.
Response error_response(const Error& error);
int status_of(ErrorCode code);
// What an exception becomes, and what work answers or throws.
Response response_of(const std::exception& exception);
Response response_to(const std::function<Response()>& work);

// As it goes over the wire.
std::string serialize(const Response& response, bool keep_alive);

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_RESPONSE_H_
