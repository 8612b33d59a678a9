// The refusal of a record for what is in it.
#ifndef HOLDFAST_ENGINE_RECORDS_INVALID_RECORD_H_
#define HOLDFAST_ENGINE_RECORDS_INVALID_RECORD_H_

#include <string>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {

inline Error invalid_record(std::string message) {
  return Error(ErrorCode::kRecordInvalid, std::move(message));
}

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_INVALID_RECORD_H_
