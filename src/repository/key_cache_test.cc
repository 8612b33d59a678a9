#include "repository/key_cache.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>

#include "env/randomness.h"
#include "repository/kernel_keyring.h"
#include "repository/key_cache_entry.h"
#include "repository/memory_files.h"
#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

using std::filesystem::path;
constexpr std::chrono::seconds kHour = std::chrono::hours(1);

TEST(KeyCacheEntry, OpensWithTheVerySameSecretOnly) {
  const codec::SecretKey master = codec::SecretKey::random();
  const Bytes entry = make_cache_entry(master, "secret");
  EXPECT_EQ(kCacheEntrySize, entry.size());
  const auto opened = open_cache_entry(entry, "secret");
  ASSERT_TRUE(opened.has_value());
  EXPECT_TRUE(*opened == master);
  EXPECT_FALSE(open_cache_entry(entry, "Secret"));
  EXPECT_FALSE(open_cache_entry(entry, ""));
}

TEST(KeyCacheEntry, DetectsAChangeOfEveryBitAndOfItsLength) {
  const Bytes entry = make_cache_entry(codec::SecretKey::random(), "secret");
  for (std::size_t bit = 0; bit < entry.size() * 8; ++bit) {
    Bytes changed = entry;
    changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(open_cache_entry(changed, "secret")) << bit;
  }
  EXPECT_FALSE(open_cache_entry({}, "secret"));
  EXPECT_FALSE(open_cache_entry(ByteView(entry).first(entry.size() - 1), "secret"));
}

TEST(NoKeyCache, KeepsNothing) {
  no_key_cache().keep({}, "secret", codec::SecretKey::random());
  EXPECT_FALSE(no_key_cache().find({}, "secret"));
  no_key_cache().forget({});
}

class MemoryFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = path("/dev/shm") / ("holdfast-test-" + env::random_name());
    if (::mkdir(base_.c_str(), 0700) != 0) GTEST_SKIP() << "there is no /dev/shm to write to";
    folder_ = base_ / "cache";
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  MemoryFiles files() { return MemoryFiles({folder_}); }
  std::string found(std::chrono::seconds lifetime = kHour) {
    return std::string(as_text(files().find("name", 100, lifetime)));
  }
  void age(const path& file, std::chrono::seconds by) {
    std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) - by);
  }
  path base_, folder_;
};

TEST_F(MemoryFilesTest, FindWhatWasPutAndNobodyElseCanReadIt) {
  EXPECT_TRUE(files().put("name", as_bytes("content")));
  EXPECT_EQ("content", found());
  struct stat status{};
  ASSERT_EQ(0, ::stat((folder_ / "name").c_str(), &status));
  EXPECT_EQ(0600u, status.st_mode & 07777);
  ASSERT_EQ(0, ::stat(folder_.c_str(), &status));
  EXPECT_EQ(0700u, status.st_mode & 07777);
  EXPECT_TRUE(files().put("name", as_bytes("new")));
  EXPECT_EQ("new", found());
  files().remove("name");
  EXPECT_EQ("", found());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(MemoryFilesTest, ExpireWhenTheyAreNotUsed) {
  files().put("name", as_bytes("content"));
  age(folder_ / "name", std::chrono::seconds(3000));
  EXPECT_EQ("content", found());
  age(folder_ / "name", std::chrono::seconds(3000));
  EXPECT_EQ("content", found()) << "the look before must have begun the lifetime anew";
  age(folder_ / "name", kHour + std::chrono::seconds(1));  // ages are of whole seconds
  EXPECT_EQ("", found());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "name"));
}

TEST_F(MemoryFilesTest, FromTheFutureAreNotTrusted) {
  files().put("name", as_bytes("content"));
  age(folder_ / "name", std::chrono::seconds(-100));
  EXPECT_EQ("", found());
}

TEST_F(MemoryFilesTest, ThatOthersCouldReadAreNotUsed) {
  files().put("name", as_bytes("content"));
  ::chmod((folder_ / "name").c_str(), 0640);
  EXPECT_EQ("", found());
  ::chmod((folder_ / "name").c_str(), 0600);
  ::chmod(folder_.c_str(), 0755);
  EXPECT_EQ("", found());
  EXPECT_FALSE(files().put("name", as_bytes("content")));
}

TEST_F(MemoryFilesTest, DoNotFollowSymbolicLinks) {
  files().put("name", as_bytes("content"));
  std::filesystem::create_symlink("name", folder_ / "link");
  EXPECT_TRUE(files().find("link", 100, kHour).empty());
  std::filesystem::create_directory_symlink(folder_, base_ / "linked");
  MemoryFiles linked({base_ / "linked"});
  EXPECT_FALSE(linked.put("name", as_bytes("content")));
  EXPECT_TRUE(linked.find("name", 100, kHour).empty());
}

TEST_F(MemoryFilesTest, ThatAreTooLongAreNotUsed) {
  files().put("name", as_bytes(std::string(101, 'x')));
  EXPECT_EQ("", found());
}

TEST_F(MemoryFilesTest, AreNeverWrittenToADisk) {
  const path disk = std::filesystem::path("/proc/self");  // anything that is not tmpfs
  EXPECT_FALSE(MemoryFiles({disk / "cache"}).put("name", as_bytes("content")));
}

TEST_F(MemoryFilesTest, GoToTheFirstDirectoryThatWillDo) {
  MemoryFiles files({"/proc/self/cache", "/nonexistent/cache", folder_});
  EXPECT_TRUE(files.put("name", as_bytes("content")));
  EXPECT_EQ(7u, files.find("name", 100, kHour).size());
}

class KernelKeyringTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!keyring_.put(name_, as_bytes("content"), kHour)) {
      GTEST_SKIP() << "this kernel or container has no keyring";
    }
  }
  void TearDown() override { keyring_.remove(name_); }

  std::string found() { return std::string(as_text(keyring_.find(name_, 100, kHour))); }

  KernelKeyring keyring_;
  std::string name_ = "holdfast-test:" + env::random_name();
};

TEST_F(KernelKeyringTest, FindsWhatWasPutLast) {
  EXPECT_EQ("content", found());
  EXPECT_TRUE(keyring_.put(name_, as_bytes("new"), kHour));
  EXPECT_EQ("new", found());
}

TEST_F(KernelKeyringTest, ForgetsWhatWasRemoved) {
  keyring_.remove(name_);
  EXPECT_EQ("", found());
  keyring_.remove(name_);
}

TEST_F(KernelKeyringTest, DoesNotAnswerMoreThanIsWanted) {
  EXPECT_TRUE(keyring_.find(name_, 3, kHour).empty());
}

TEST_F(KernelKeyringTest, KeepsEntriesForLaterProcessesOfThisUser) {
  // The entry is made by a process that has ended; this process was not its child's child and finds
  // it.
  const std::string name = name_ + "-child";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(keyring_.put(name, as_bytes("from the child"), kHour) ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(0, status);
  EXPECT_EQ("from the child", as_text(keyring_.find(name, 100, kHour)));
  keyring_.remove(name);
}

// As containers do: the keyring's system calls fail with EPERM in this process from now on.
bool forbid_keyrings() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_add_key, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_keyctl, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{.len = std::size(program), .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// In a process of its own, since the cache of a session is chosen once.
TEST_F(MemoryFilesTest, KeepKeysWhereKeyringsAreForbidden) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        RepositoryId repository;
        codec::random_bytes(repository.bytes);
        ::setenv("XDG_RUNTIME_DIR", base_.c_str(), 1);
        bool right = true;
        if (forbid_keyrings()) {  // else system calls cannot be filtered here
          KeyCache& cache = session_key_cache();
          cache.keep(repository, "secret", codec::SecretKey::random());
          right = cache.find(repository, "secret").has_value();
          cache.forget(repository);
          right = right && !cache.find(repository, "secret");
        }
        std::filesystem::remove_all(base_);
        ::_exit(right ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(SessionKeyCache, KeepsAKeyForTheSameRepositoryAndSecret) {
  RepositoryId repository, other;
  codec::random_bytes(repository.bytes);
  codec::random_bytes(other.bytes);
  KeyCache& cache = session_key_cache();
  const codec::SecretKey master = codec::SecretKey::random();
  EXPECT_FALSE(cache.find(repository, "secret"));
  cache.keep(repository, "secret", master);
  const auto found = cache.find(repository, "secret");
  if (!found) GTEST_SKIP() << "this system has neither a keyring nor tmpfs";
  EXPECT_TRUE(*found == master);
  EXPECT_FALSE(cache.find(repository, "other secret"));
  EXPECT_FALSE(cache.find(other, "secret"));
  cache.forget(repository);
  EXPECT_FALSE(cache.find(repository, "secret"));
}

}  // namespace
}  // namespace holdfast::repository
