#include "env/mounts.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

namespace holdfast::env {
namespace {

// proc(5): space, tab, newline and backslash are written as a backslash and three octal digits.
std::string without_escapes(std::string_view text) {
  const auto octal = [&](std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '7';
  };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "36 35 98:0 /root /point options [optional fields…] - type source options"
std::optional<Mount> parse_line(const std::string& line) {
  constexpr std::size_t kPoint = 4, kFixed = 6;
  std::istringstream words(line);
  const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
  if (fields.size() < kFixed) return std::nullopt;
  const auto mark = std::find(fields.begin() + kFixed, fields.end(), "-");
  if (fields.end() - mark < 3) return std::nullopt;
  return Mount{.point = without_escapes(fields[kPoint]),
               .type = mark[1],
               .source = without_escapes(mark[2])};
}

bool is_above(const Path& point, const Path& path) {
  const auto [end, rest] = std::mismatch(point.begin(), point.end(), path.begin(), path.end());
  return end == point.end();
}

}  // namespace

std::vector<Mount> parse_mounts(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    if (auto mount = parse_line(line)) mounts.push_back(std::move(*mount));
  }
  return mounts;
}

std::vector<Mount> current_mounts() {
  std::ifstream file("/proc/self/mountinfo");
  std::stringstream content;
  content << file.rdbuf();
  return parse_mounts(content.str());
}

std::optional<Mount> mount_of(const std::vector<Mount>& mounts, const Path& path) {
  const Mount* best = nullptr;
  std::ptrdiff_t longest = -1;
  for (const Mount& mount : mounts) {
    const auto length = std::distance(mount.point.begin(), mount.point.end());
    if (length < longest || !is_above(mount.point, path)) continue;
    best = &mount;
    longest = length;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

std::optional<std::uint64_t> device_of(Path path) {
  struct stat found{};
  while (::stat(path.c_str(), &found) != 0) {
    if (!path.has_relative_path()) return std::nullopt;
    path = path.parent_path();
  }
  return found.st_dev;
}

StorageLife life_of(const Mount& mount) {
  constexpr auto kContainer = std::to_array<std::string_view>({"overlay", "aufs"});
  constexpr auto kMemory = std::to_array<std::string_view>({"tmpfs", "ramfs"});
  constexpr auto kNetwork = std::to_array<std::string_view>(
      {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "vboxsf", "virtiofs", "afs", "ceph"});
  const auto is_one_of = [&](const auto& types) {
    return std::ranges::find(types, mount.type) != types.end();
  };
  if (mount.type.empty()) return StorageLife::kUnknown;
  if (is_one_of(kContainer)) return StorageLife::kContainer;
  if (is_one_of(kMemory)) return StorageLife::kMemory;
  if (is_one_of(kNetwork) || mount.type.starts_with("fuse.")) return StorageLife::kNetwork;
  return StorageLife::kLasting;
}

std::string storage_warning(const Path& path, const Mount& mount) {
  const std::string where =
      fmt::format("{} is on {} ({})", path.native(), mount.type, mount.point.native());
  switch (life_of(mount)) {
    case StorageLife::kContainer:
      return where + ", which dies with the container: mount a volume there";
    case StorageLife::kMemory:
      return where + ", which is gone after a restart: put it on a disk or a volume";
    case StorageLife::kNetwork:
      return where +
             ", where SQLite's locks and shared memory may not reach other machines: let one "
             "machine alone use it";
    case StorageLife::kUnknown:
    case StorageLife::kLasting:
      return {};
  }
  return {};
}

}  // namespace holdfast::env
