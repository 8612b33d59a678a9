// What the server offers, for programs that make clients of it (OpenAPI 3.1).
#ifndef HOLDFAST_HTTP_OPENAPI_H_
#define HOLDFAST_HTTP_OPENAPI_H_

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "engine/records/collection.h"

namespace holdfast::http {

nlohmann::ordered_json openapi_document(const std::vector<engine::Collection>& collections,
                                        bool with_tokens);

}  // namespace holdfast::http

#endif  // HOLDFAST_HTTP_OPENAPI_H_
