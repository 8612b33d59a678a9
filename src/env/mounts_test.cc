#include "env/mounts.h"

#include <gtest/gtest.h>

#include "env/temporary_directory.h"

namespace holdfast::env {
namespace {

constexpr std::string_view kTable =
    "1 0 0:1 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a\n"
    "22 1 0:21 / /proc rw shared:5 - proc proc rw\n"
    "30 1 8:1 /volumes/app /srv/app rw,relatime shared:2 master:7 - ext4 /dev/sda1 rw\n"
    "31 30 0:40 / /srv/app/my\\040data rw - tmpfs tmpfs rw\n"
    "not a mount\n"
    "32 1 0:41 / /net rw - nfs4 server:/export\\011x rw\n"
    "33 1 0:42 / /twice rw - ext4 /dev/sdb1 rw\n"
    "34 1 0:43 / /twice rw - tmpfs tmpfs rw\n";

std::string type_of(const Path& path) {
  const auto mount = mount_of(parse_mounts(kTable), path);
  return mount ? mount->type : "none";
}

TEST(Mounts, AreReadFromTheTableWithEscapesUndone) {
  const auto mounts = parse_mounts(kTable);
  ASSERT_EQ(mounts.size(), 7u);
  EXPECT_EQ(mounts[2].point, "/srv/app");
  EXPECT_EQ(mounts[2].type, "ext4");
  EXPECT_EQ(mounts[2].source, "/dev/sda1");
  EXPECT_EQ(mounts[3].point, "/srv/app/my data");
  EXPECT_EQ(mounts[4].source, "server:/export\tx");
}

TEST(Mounts, ArePickedByTheLongestPointAbove) {
  EXPECT_EQ(type_of("/srv/app/app.db"), "ext4");
  EXPECT_EQ(type_of("/srv/app"), "ext4");
  EXPECT_EQ(type_of("/srv/app/my data/x.db"), "tmpfs");
  EXPECT_EQ(type_of("/srv/application.db"), "overlay");
  EXPECT_EQ(type_of("/srv/app/not/there/yet.db"), "ext4");
}

TEST(Mounts, HideThoseMountedBeforeThemAtTheSamePoint) { EXPECT_EQ(type_of("/twice/x"), "tmpfs"); }

TEST(Mounts, SayNothingOfAPathThatNoneIsAbove) {
  EXPECT_FALSE(mount_of(parse_mounts("1 0 0:1 / /only rw - ext4 a rw\n"), "/other"));
}

TEST(Mounts, TellHowLongStorageLives) {
  const auto life = [](const char* type) {
    return life_of({.point = "/", .type = type, .source = {}});
  };
  EXPECT_EQ(life("ext4"), StorageLife::kLasting);
  EXPECT_EQ(life("overlay"), StorageLife::kContainer);
  EXPECT_EQ(life("tmpfs"), StorageLife::kMemory);
  EXPECT_EQ(life("fuse.sshfs"), StorageLife::kNetwork);
  EXPECT_EQ(life("9p"), StorageLife::kNetwork);
  EXPECT_EQ(life(""), StorageLife::kUnknown);
}

TEST(Mounts, WarnOfStorageThatDiesWithTheContainer) {
  EXPECT_EQ(storage_warning("/srv/app.db", {.point = "/", .type = "overlay", .source = "overlay"}),
            "/srv/app.db is on overlay (/), which dies with the container: mount a volume there");
  EXPECT_EQ(storage_warning("/srv/app.db", {.point = "/", .type = "ext4", .source = "/dev/sda1"}),
            "");
}

// Not of "/": below a changed root the table does not have it.
TEST(Mounts, OfThisMachineCoverItsOwnTable) {
  EXPECT_TRUE(mount_of(current_mounts(), "/proc/self/mountinfo"));
}

TEST(Mounts, OneDeviceIsToldFromAnother) {
  const TemporaryDirectory directory;
  EXPECT_EQ(device_of(directory.path()), device_of(directory / "missing" / "too"));
  EXPECT_NE(device_of(directory.path()), device_of("/proc"));
  EXPECT_TRUE(device_of("/"));
}

}  // namespace
}  // namespace holdfast::env
