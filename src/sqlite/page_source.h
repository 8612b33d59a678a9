// A database as pages: what a backup reads.
//
// A *view* is one committed state of the database, held by a read transaction. advance() moves to
// the newest state and says which pages may differ from the view before it, so that a long read can
// be made of many short transactions: no lock is held longer than the caller stays in one view.
//
// Thread safety: read(), map() and is_in_file() may be called from several threads at once; all
// other members by one thread, and not while a read() runs. Nothing here ever writes to the
// database, checkpoints it, plays back a journal, or leaves a file behind that was not there.
#ifndef HOLDFAST_SQLITE_PAGE_SOURCE_H_
#define HOLDFAST_SQLITE_PAGE_SOURCE_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "env/mapped_range.h"
#include "sqlite/connection.h"
#include "sqlite/page_facts.h"

struct sqlite3;

namespace holdfast::sqlite {

using PageNumber = std::uint32_t;  // from 1, as in SQLite

struct Geometry {
  std::uint32_t page_size = 0;
  PageNumber page_count = 0;
  bool operator==(const Geometry&) const = default;
};

struct Change {
  enum class Kind {
    kNothing,  // the same state
    kPages,    // exactly `pages` may differ (and whatever lies between the old and the new page
               // count)
    kUnknown,  // anything may differ: read everything again
  };
  Kind kind = Kind::kUnknown;
  std::vector<PageNumber> pages;  // sorted, without duplicates, within the new page count
};

struct LogMark;  // log_proof.h

enum class JournalMode { kRollback, kWal };

class PageSource {
 public:
  virtual ~PageSource() = default;

  // Takes a view of the newest committed state. In WAL mode the new read transaction begins before
  // the old one ends, so kUnknown is rare; in rollback mode the old lock is given up first, so that
  // writers get their turn, and SQLite's change counter tells whether anything happened in between.
  // The first call answers kUnknown, as does every one after the page size changed. Throws
  // kDatabaseBusy after the busy timeout, kHotJournal, kDatabaseChanged when the file at the path
  // is another one by now, kDatabaseMissing, kSqlite.
  virtual Change advance() = 0;
  // Gives up the view and its lock. advance() afterwards still answers relative to it where that
  // can be proved (the same WAL generation, the same change counter), else kUnknown.
  virtual void release() = 0;
  // True while no commit has happened since the view was taken.
  virtual bool is_newest() = 0;
  // Whether what was read of the view is one state. No lock stops a program that knows none, such
  // as a plain copy over the file: false once anything was written that the view's locks forbid.
  // After that the next advance() answers kUnknown, or throws.
  virtual bool is_intact() = 0;

  // Where the log stands at the current view, which is held: for changed_since() of another source
  // at another time. Empty where it could prove nothing.
  virtual std::optional<LogMark> mark();
  // The pages of the current view, which is held, that may differ from those at the mark, sorted.
  // Empty where that is not proved.
  virtual std::optional<std::vector<PageNumber>> changed_since(const LogMark& mark);

  // Of the current view.
  virtual Geometry geometry() const = 0;
  // Fills `out` (a whole number of pages) with pages first, first + 1, …, all within the page
  // count.
  virtual void read(PageNumber first, MutableByteView out) = 0;
  // A part of the database file that begins with page `first` and is at most `count` pages long, as
  // memory; empty where it must be read. Valid beyond the view.
  virtual env::MappedRange map(PageNumber first, PageNumber count);
  // Whether the current view has all these pages from the file, and so from a mapping of it.
  virtual bool is_in_file(PageNumber first, PageNumber count);
  // The connection whose transaction is the view, for SQL; null where the database cannot be
  // opened.
  virtual sqlite3* connection() = 0;

  virtual JournalMode journal_mode() const = 0;
  // Why this source cannot be trusted to be a healthy database; empty if nothing is known against
  // it.
  virtual const std::string& damage() const = 0;
};

struct OpenOptions {
  std::chrono::milliseconds busy_timeout{10'000};
};

// Opens `path` for reading pages. A file that SQLite cannot open as a database but that may be one,
// encrypted or damaged (its size is a multiple of 512 and at least 1024 bytes), is opened raw:
// damage() says why, page size 4096 or what its header plausibly says, the size cut down to whole
// pages and the rest ignored unless the page size is reduced to fit exactly (512 always does);
// views of it are proved only by reading twice, so advance() answers kNothing iff size and
// modification time are unchanged, else kUnknown. One that begins like a database is opened raw
// only when it has been at rest for 200 ms: before that it may be a copy that is being made, which
// is waited for, and kDatabaseChanged when it goes on. Throws kDatabaseMissing, kDatabaseEmpty
// (zero bytes and no content in a -wal), kNotADatabase, kHotJournal, kDatabaseBusy,
// kPermissionDenied.
std::unique_ptr<PageSource> open_page_source(const std::filesystem::path& path,
                                             OpenOptions options = {});

// Whether the database has a log: SQLite uses one wherever it lies beside the database, whatever
// the header says.
bool uses_log(const Connection& connection);

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_PAGE_SOURCE_H_
