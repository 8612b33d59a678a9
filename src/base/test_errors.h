// For tests: what an action threw.
#ifndef HOLDFAST_BASE_TEST_ERRORS_H_
#define HOLDFAST_BASE_TEST_ERRORS_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"

namespace holdfast {

// The code of the Error that `action` throws; it is a failure if it throws none.
inline ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_FALSE(error.happened().empty());
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

// What the Error of this code says that `action` throws; it is a failure if it throws none, or
// another.
inline std::string message_of(ErrorCode code, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.happened();
    return std::string(error.happened());
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace holdfast

#endif  // HOLDFAST_BASE_TEST_ERRORS_H_
