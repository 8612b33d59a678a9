#ifndef HOLDFAST_ENV_USER_H_
#define HOLDFAST_ENV_USER_H_

#include <string>

namespace holdfast::env {

// The name of the user this process works for, or its number where it has no name.
std::string user_name();

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_USER_H_
