#ifndef HOLDFAST_BASE_VERSION_H_
#define HOLDFAST_BASE_VERSION_H_

#include <string_view>

namespace holdfast {

inline constexpr std::string_view kVersion =
    HOLDFAST_VERSION;  // set by the build from project(VERSION)

}  // namespace holdfast

#endif  // HOLDFAST_BASE_VERSION_H_
