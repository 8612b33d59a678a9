// What a backup learnt of a database beside its pages' digests, so that the next one need read only
// the pages that the log proves to have changed.
//
// A local file, and only ever a shortcut: it is encrypted, written beside the old one and renamed,
// and whatever is wrong with it makes read() answer nothing. Then every page is read.
//
//   PATH  "HFDS" · version (u8) · zero (3) · size of the next box (u64) ·
//         box of: snapshot, time (i64, µs), backups (u32), mark, pages (u64), unit sums (16 each) ·
//         boxes of the facts (u16) of 65,536 pages each
#ifndef HOLDFAST_ENGINE_BACKUP_SCAN_RECORD_H_
#define HOLDFAST_ENGINE_BACKUP_SCAN_RECORD_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "codec/page_digest.h"
#include "codec/secret_key.h"
#include "env/file_system.h"
#include "sqlite/log_proof.h"
#include "sqlite/page_facts.h"

namespace holdfast::engine {

// When every page was read last, and how many backups there were since that did not.
struct WholeReading {
  Time time{};
  std::uint32_t backups_since = 0;
};

struct ScanRecord {
  SnapshotId snapshot;
  WholeReading whole_reading;
  sqlite::LogMark mark;
  std::vector<codec::PageDigest> unit_sums;  // see PageScan
  std::vector<sqlite::PageFacts> facts;      // of each page

  static std::optional<ScanRecord> read(env::FileSystem& files, const env::Path& path,
                                        const codec::SecretKey& key);
  void write(env::FileSystem& files, const env::Path& path, const codec::SecretKey& key) const;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_BACKUP_SCAN_RECORD_H_
