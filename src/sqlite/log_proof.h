// Which pages of a database changed since an earlier view of it, proved from its log, so that a
// backup need not read the others to know that they are as they were.
//
// Between the two views nobody of ours looked. The proof is that the commits which are read from
// the log are as many as the index counted meanwhile (iChange), the last of them being the view's:
// none is missing. It is accepted only where that counter cannot have begun anew: the database, the
// index and the process that has the index open are those that were there at the first view.
//
// Commits are all that changes a database in WAL mode, as long as only SQLite writes to it. A
// program that knows no locks, such as a plain copy over the file, is found out only where no
// checkpoint can have been what wrote; the caller has to look at some pages all the same, and at
// all of them now and then.
#ifndef HOLDFAST_SQLITE_LOG_PROOF_H_
#define HOLDFAST_SQLITE_LOG_PROOF_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "env/host.h"
#include "sqlite/log_files.h"
#include "sqlite/page_source.h"
#include "sqlite/wal_frames.h"

namespace holdfast::sqlite {

// Where the log stood at a view, to be kept for as long as one likes.
struct LogMark {
  FileState::Identity database, index;
  env::ProcessIdentity holder;  // has the index open
  LogPlace place;
  Geometry geometry;
  std::uint32_t changes = 0;  // of the index header
  WrittenBack written;

  // Of the view with this header, while it is held. Empty where nothing could be proved by it: no
  // other process keeps the index, or it cannot be told which, or other machines may write to it.
  static std::optional<LogMark> of(const std::filesystem::path& database,
                                   const WalIndexHeader& view, const Geometry& geometry);

  Bytes bytes() const;
  static LogMark parse(ByteReader& in);  // throws kDamagedObject
};

// Pages up to the end of the view with this header, which is held, that may differ from those at
// the mark: sorted, each once. Empty where that is not proved, or where so much was written that
// reading the database costs less.
std::optional<std::vector<PageNumber>> pages_since(const LogMark& mark,
                                                   const std::filesystem::path& database,
                                                   const WalIndexHeader& view,
                                                   const Geometry& geometry);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_LOG_PROOF_H_
