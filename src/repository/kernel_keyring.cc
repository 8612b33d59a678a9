#include "repository/kernel_keyring.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace holdfast::repository {
namespace {

using Serial = std::int32_t;
constexpr const char* kType = "user";

// Only who possesses the key may do anything with it; nothing for the user, group and others as
// such.
constexpr std::uint32_t kPossessorAll = 0x3f000000;

template <typename... Arguments>
long keyctl(int operation, Arguments... arguments) {
  return ::syscall(SYS_keyctl, operation, arguments...);
}

// A key is possessed by a process that can reach it from its own keyrings. Where no login put the
// user keyring into the session's, the process does so for itself.
bool possess_user_keyring() {
  return keyctl(KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING) == 0;
}

Serial search(const std::string& description) {
  if (!possess_user_keyring()) return -1;
  return static_cast<Serial>(
      keyctl(KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, kType, description.c_str(), 0));
}

bool set_timeout(Serial key, std::chrono::seconds lifetime) {
  return keyctl(KEYCTL_SET_TIMEOUT, key, static_cast<unsigned>(lifetime.count())) == 0;
}

}  // namespace

bool KernelKeyring::put(const std::string& description, ByteView payload,
                        std::chrono::seconds lifetime) {
  if (!possess_user_keyring()) return false;
  const auto key =
      static_cast<Serial>(::syscall(SYS_add_key, kType, description.c_str(), payload.data(),
                                    payload.size(), KEY_SPEC_USER_KEYRING));
  if (key < 0) return false;
  if (keyctl(KEYCTL_SETPERM, key, kPossessorAll) == 0 && set_timeout(key, lifetime)) return true;
  keyctl(KEYCTL_INVALIDATE, key);
  return false;
}

Bytes KernelKeyring::find(const std::string& description, std::size_t most_bytes,
                          std::chrono::seconds lifetime) {
  const Serial key = search(description);
  if (key < 0) return {};
  Bytes payload(most_bytes);
  const long size = keyctl(KEYCTL_READ, key, payload.data(), payload.size());
  if (size < 0 || static_cast<std::size_t>(size) > most_bytes) return {};
  payload.resize(static_cast<std::size_t>(size));
  set_timeout(key, lifetime);
  return payload;
}

void KernelKeyring::remove(const std::string& description) {
  const Serial key = search(description);
  if (key >= 0) keyctl(KEYCTL_INVALIDATE, key);
}

}  // namespace holdfast::repository
