// Writes that wait on the disk until their database is back.
//
// One directory per database. A file in it, <number>-<count>-<collection>.spool, holds the writes
// of one call of append() and is never changed: it is written under another name, synced, and
// renamed to a number above all that are there, so the numbers order what was acknowledged. A line
// is
//   <BLAKE2b-128 of the rest, hexadecimal> <write as JSON> TAB <record as JSON>
// What a drain could not bring into the database for good is in rejected/, with the reason; files
// that are damaged are in damaged/.
#ifndef HOLDFAST_ENGINE_RECORDS_SPOOL_H_
#define HOLDFAST_ENGINE_RECORDS_SPOOL_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/records/write.h"
#include "env/file_system.h"

namespace holdfast::engine {

struct SpoolSegment {
  std::string name;
  std::uint64_t number = 0, count = 0, size = 0;
  std::string collection;
  Time written{};
};

struct SpoolState {
  std::uint64_t waiting = 0, bytes = 0;  // writes
  std::optional<Time> oldest;
  std::uint64_t rejected = 0, damaged = 0;  // files
  bool empty() const { return waiting == 0 && rejected == 0 && damaged == 0; }
};

// Any number of processes and threads may append and drain at once. Nothing is kept in memory.
class Spool {
 public:
  Spool(env::FileSystem& files, env::Path directory, std::uint64_t limit)
      : files_(files), directory_(std::move(directory)), limit_(limit) {}

  // All are of one collection. Durable when it returns; if it throws (kDiskFull beyond the limit,
  // kIo …), none of them is there, or nobody was told of them.
  void append(std::span<const Write> writes);

  // In order.
  std::vector<SpoolSegment> segments();
  struct Content {
    std::vector<Write> writes;  // those that are intact
    bool damaged = false;
  };
  // Throws kNotFound if somebody else has drained it.
  Content read(const SpoolSegment& segment);
  // Durable. That somebody else was faster is no error.
  void remove(const SpoolSegment& segment);
  void set_aside(const SpoolSegment& segment);
  // Durable; doing it twice leaves one file.
  void reject(const Write& write, const Error& why);
  // What processes that died while they appended have left behind.
  void remove_unfinished(Time now);

  SpoolState state();
  const env::Path& directory() const { return directory_; }

 private:
  env::FileSystem& files_;
  env::Path directory_;
  std::uint64_t limit_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_SPOOL_H_
