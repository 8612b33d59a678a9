// Unpredictable bytes from the operating system.
#ifndef HOLDFAST_ENV_RANDOMNESS_H_
#define HOLDFAST_ENV_RANDOMNESS_H_

#include <string>

#include "base/bytes.h"

namespace holdfast::env {

// Thread safe, and different in each child of a fork. Throws Error(kIo) where the system has none
// to give.
void fill_random(MutableByteView out);

// Sixteen hexadecimal digits: a name that no other process chooses.
std::string random_name();

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_RANDOMNESS_H_
