#include "env/user.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

namespace holdfast::env {

std::string user_name() {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  const bool known =
      getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return known ? std::string(found->pw_name) : std::to_string(geteuid());
}

}  // namespace holdfast::env
