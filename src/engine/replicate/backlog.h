// Segments on their way to the store: in memory while it answers, on the local disk while it does
// not.
#ifndef HOLDFAST_ENGINE_REPLICATE_BACKLOG_H_
#define HOLDFAST_ENGINE_REPLICATE_BACKLOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "base/time.h"
#include "env/file_system.h"
#include "repository/repository.h"
#include "repository/timeline.h"

namespace holdfast {
class Error;
}  // namespace holdfast

namespace holdfast::engine {

// Whether waiting may help: what cannot be reached, is full or is not mounted may come back.
bool is_store_away(const Error& error);

// A queue of sealed segments of one database, sent in order. What is on disk is the object as it
// will be put (sealed: nothing in clear), in a file named like it with '/' as '+', written beside
// and renamed; files of another run are found and sent first, whatever branch they are of. By one
// thread at a time.
class Backlog {
 public:
  struct Limits {
    std::size_t in_memory = 4u << 20;    // then to disk
    std::uint64_t on_disk = 1ull << 30;  // then full
  };
  // `folder` is this database's own; it is made when something must be written. Empty: no disk.
  Backlog(const repository::Repository& repository, env::FileSystem& files, env::Path folder,
          Limits limits);

  // False if there is no room (limits, kDiskFull): nothing was kept, and the timeline gets a gap
  // that a scan closes when the store is back.
  bool add(repository::SealedObject object, Time commit);
  // Sends what waits until all is sent (true) or the store fails retryably (false: last_failure()
  // says how). Other errors are thrown; the segment stays. While the store works, `held` (may be
  // null) is unlocked: others may then add() and ask, and nothing else.
  bool send(std::mutex* held = nullptr);

  bool empty() const;
  std::size_t waiting() const;
  std::uint64_t bytes() const;
  std::optional<Time> oldest() const;  // of the first commit that is not durable in the store
  const std::string& last_failure() const;
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  // The store refuses the first one for good: it is given up. Nothing for an empty one.
  void drop_first();
  // The store is away: what is in memory goes to the disk, as far as there is room, and what is
  // added until send() succeeds.
  void hold(std::string_view why);

 private:
  struct Entry {
    std::string name;
    Bytes content;  // empty if in a file
    env::Path file;
    std::uint64_t size = 0;
    Time commit{};
  };
  bool write_to_disk(Entry& entry);
  void keep_on_disk();

  const repository::Repository& repository_;
  env::FileSystem& files_;
  env::Path folder_;
  Limits limits_;
  std::deque<Entry> entries_;
  std::uint64_t memory_bytes_ = 0, disk_bytes_ = 0, bytes_sent_ = 0;
  std::string failure_;
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_REPLICATE_BACKLOG_H_
