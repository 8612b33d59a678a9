// The program, from its arguments to its exit status.
#ifndef HOLDFAST_CLI_PROGRAM_H_
#define HOLDFAST_CLI_PROGRAM_H_

#include <string>
#include <vector>

#include "service/environment.h"

namespace holdfast::cli {

// `words` without the program's name. Never throws.
int run(const std::vector<std::string>& words, const service::World& world);

}  // namespace holdfast::cli

#endif  // HOLDFAST_CLI_PROGRAM_H_
