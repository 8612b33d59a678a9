#include "http/response.h"

#include <fmt/format.h>

#include <new>
#include <nlohmann/json.hpp>

#include "service/answer_json.h"

namespace holdfast::http {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 207:
      return "Multi-Status";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 503:
      return "Service Unavailable";
    default:
      return status < 500 ? "Refused" : "Internal Server Error";
  }
}

}  // namespace

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
    case ErrorCode::kRequestInvalid:
      return 400;
    case ErrorCode::kUnauthorized:
      return 401;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kRouteUnknown:
    case ErrorCode::kCollectionUnknown:
    case ErrorCode::kRecordMissing:
      return 404;
    case ErrorCode::kMethodNotAllowed:
      return 405;
    case ErrorCode::kRequestTimeout:
      return 408;
    case ErrorCode::kRecordDeleted:
      return 410;
    case ErrorCode::kPreconditionFailed:
      return 412;
    case ErrorCode::kRequestTooLarge:
      return 413;
    case ErrorCode::kRecordInvalid:
    case ErrorCode::kRecordRejected:
    case ErrorCode::kIdempotencyConflict:
      return 422;
    case ErrorCode::kRecordNotKept:
    case ErrorCode::kServerBusy:
    case ErrorCode::kDatabaseMissing:
    case ErrorCode::kDatabaseEmpty:
    case ErrorCode::kTableMissing:
      return 503;
    default:
      return catalogue_entry(code).retryable ? 503 : 500;
  }
}

Response json_response(int status, const nlohmann::ordered_json& value) {
  return {
      .status = status,
      .headers = {},
      .body = value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"};
}

Response response_of(const std::exception& exception) {
  if (const auto* error = dynamic_cast<const Error*>(&exception)) return error_response(*error);
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) {
    return error_response(Error(ErrorCode::kServerBusy, "there is not enough memory"));
  }
  return error_response(Error(ErrorCode::kInternal, exception.what()));
}

Response response_to(const std::function<Response()>& work) {
  try {
    return work();
  } catch (const std::exception& exception) {
    return response_of(exception);
  }
}

Response error_response(const Error& error) {
  Response response = json_response(status_of(error.code()), service::error_json(error));
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::string serialize(const Response& response, bool keep_alive) {
  const bool no_content = response.status == 304;
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
  for (const auto& [name, value] : response.headers) {
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  }
  if (!no_content) {
    text += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type,
                        response.body.size());
  }
  // What is served is data: no page may be made of it, and nothing in between may keep it.
  text += "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n";
  text += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  if (!no_content && !response.without_body) text += response.body;
  return text;
}

}  // namespace holdfast::http
