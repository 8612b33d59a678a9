// The names below a directory that a power loss may still take back, and the means to do so.
#ifndef HOLDFAST_ENV_UNSYNCED_NAMES_H_
#define HOLDFAST_ENV_UNSYNCED_NAMES_H_

#include <sys/types.h>

#include <cstdint>
#include <random>
#include <vector>

#include "env/file_system.h"

namespace holdfast::env {

// How much of what was not synced a power loss keeps.
enum class Survival { kNothing, kEverything, kPrefix, kRandom };

// Each change of a name is logged when it has been made and forgotten when its directory is synced.
// What is removed or replaced is moved to a grave outside the directory until then, so that it can
// come back. Not thread safe. Paths are absolute and normal.
class UnsyncedNames {
 public:
  explicit UnsyncedNames(Path graveyard) : graveyard_(std::move(graveyard)) {}
  ~UnsyncedNames();
  UnsyncedNames(const UnsyncedNames&) = delete;
  UnsyncedNames& operator=(const UnsyncedNames&) = delete;

  // A place to move or link to what is about to be removed or replaced.
  Path new_grave();

  void appeared(const Path& path);
  void disappeared(const Path& path, const Path& grave);
  // `grave` is empty if nothing was replaced.
  void renamed(const Path& from, const Path& to, const Path& grave);

  // Names in `directory` are durable from now on. A rename is durable with the directory of its new
  // name.
  void synced(const Path& directory);

  // Takes changes back in the real directory. One that others build upon is kept with them, and
  // each is kept or lost as a whole. Afterwards nothing is unsynced.
  void lose(Survival survival, std::mt19937_64& random);

  std::size_t count() const { return changes_.size(); }

 private:
  struct Change {
    Path from{}, to{};  // `from` is empty for what appeared, `to` for what disappeared
    Path grave{};       // of what disappeared or was replaced
    ino_t inode = 0;
    bool undone = false;
  };
  static bool depends(const Change& later, const Change& earlier);
  void undo(Change& change);
  static void redo(const Change& change);
  std::vector<bool> choose(Survival survival, std::mt19937_64& random) const;

  const Path graveyard_;
  std::uint64_t graves_ = 0;
  std::vector<Change> changes_;
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_UNSYNCED_NAMES_H_
