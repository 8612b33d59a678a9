#ifndef HOLDFAST_REPOSITORY_VERIFY_H_
#define HOLDFAST_REPOSITORY_VERIFY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "repository/repository.h"
#include "repository/snapshot.h"

namespace holdfast::repository {

struct VerifyRequest {
  std::vector<SnapshotId> snapshots;  // empty: all, and every pack even if no snapshot needs it
  // 0: structure only; of the packs, those verified longest ago when below 100.
  double read_data_percent = 0;
  unsigned threads = 0;
  // Withdraw damaged blobs from the index, so that the next backup heals them, and note which packs
  // were read.
  bool remember_damage = true;
};

struct Damage {
  std::string object;   // "packs/…"
  std::string problem;  // "blob 3f… (pages): does not authenticate", "… cannot be read (…)"
};

struct SnapshotVerdict {
  SnapshotId id;
  std::string name;
  bool restorable = true;
  std::vector<std::string> lost;  // "db campaigns: 12 of 3,400 pages"
};

struct VerifyReport {
  std::vector<Damage> damage;
  std::vector<SnapshotVerdict> snapshots;  // each that was looked at
  std::uint64_t packs = 0, blobs = 0, bytes_read = 0;
  std::uint64_t databases_proved =
      0;  // whole-database checksums compared (with 100 % of the data read)
  bool ok() const { return damage.empty(); }
};

// Never throws for damage, nor for an object that the disk cannot read (kIo): that is reported like
// damage, but not remembered, because it may be readable again. Throws kUnavailable,
// kPermissionDenied … when the store cannot be read.
VerifyReport verify(const Repository& repository, const VerifyRequest& request, Progress& progress);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_VERIFY_H_
