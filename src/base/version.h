#ifndef HOLDFAST_BASE_VERSION_H_
#define HOLDFAST_BASE_VERSION_H_

#include <string_view>

namespace holdfast {

// Of the program, as CMakeLists.txt says it: "0.1.0".
inline constexpr std::string_view kVersion = HOLDFAST_VERSION;

}  // namespace holdfast

#endif  // HOLDFAST_BASE_VERSION_H_
