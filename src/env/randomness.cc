#include "env/randomness.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace holdfast::env {

void fill_random(MutableByteView out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw system_error(errno, "cannot get random bytes from the system");
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::string random_name() {
  std::array<std::byte, 8> bytes{};
  fill_random(bytes);
  return to_hex(bytes);
}

}  // namespace holdfast::env
