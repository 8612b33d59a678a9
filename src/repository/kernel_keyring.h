// Secrets of this user in the Linux kernel's keyring (keyrings(7)), by raw system calls.
#ifndef HOLDFAST_REPOSITORY_KERNEL_KEYRING_H_
#define HOLDFAST_REPOSITORY_KERNEL_KEYRING_H_

#include <chrono>
#include <string>

#include "base/bytes.h"

namespace holdfast::repository {

// The user keyring, and not the session's: it is the one that a plain root shell or cron, which
// have no session keyring of their own, share with every later process of the same user.
class KernelKeyring {
 public:
  // False where the kernel or the container forbids it, or the quota is used up.
  bool put(const std::string& description, ByteView payload, std::chrono::seconds lifetime);
  // Empty if there is none. Finding begins the entry's lifetime anew.
  Bytes find(const std::string& description, std::size_t most_bytes, std::chrono::seconds lifetime);
  void remove(const std::string& description);
};

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_KERNEL_KEYRING_H_
