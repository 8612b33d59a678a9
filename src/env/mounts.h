// Which storage a path is on, from the mount table (/proc/self/mountinfo).
#ifndef HOLDFAST_ENV_MOUNTS_H_
#define HOLDFAST_ENV_MOUNTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "env/file_system.h"

namespace holdfast::env {

struct Mount {
  Path point;        // where it is mounted
  std::string type;  // "ext4", "overlay", "tmpfs", "nfs4", "9p"
  std::string source;
};

// In the order of the table; lines that are not understood are left out. Octal escapes are undone.
std::vector<Mount> parse_mounts(std::string_view mountinfo);
std::vector<Mount> current_mounts();  // empty where there is no such table

// The mount that `path` is on: the one with the longest mount point above it, the last of equal
// ones. What is not there yet counts as its nearest existing parent. `path` is absolute, and
// symbolic links in it have been resolved.
std::optional<Mount> mount_of(const std::vector<Mount>& mounts, const Path& path);

// The device that `path` is on, by the number that the system gives it; for what is not there yet,
// that of its nearest existing parent. Known also where the mount table does not tell, as below a
// changed root.
std::optional<std::uint64_t> device_of(Path path);

enum class StorageLife {
  kUnknown,
  kLasting,
  kContainer,  // overlay, aufs: goes with the container
  kMemory,     // tmpfs, ramfs: goes with the machine or the container
  kNetwork,    // nfs, cifs, 9p, fuse.*, vboxsf, virtiofs: may not share memory between kernels
};
StorageLife life_of(const Mount& mount);
// "/srv/app.db is on overlay (/), which dies with the container: mount a volume there". Empty for
// kUnknown and kLasting.
std::string storage_warning(const Path& path, const Mount& mount);

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_MOUNTS_H_
