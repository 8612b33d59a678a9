// Timelines: what happened to one database between its snapshots. docs/format.md, "Timelines".
//
// A *segment* holds the newest content of all pages that were written between two positions, and
// the checksum of the database after them. It may reach back over as many earlier segments as its
// writer likes ("base"): a state at position p is a snapshot at position s <= p, with the segments
// on the way back from p laid over it, the newest content of each page winning. Because content is
// absolute, a segment whose base lies before s is as good: what it says of pages that did not
// change after s is what the snapshot has anyway. So no segment is ever rewritten or merged:
// reading few of them is seen to when they are written, and thinning is removing objects.
//
// An *anchor* ties a snapshot to a position. A *branch* is what one holder of the lease wrote: its
// number is the fencing token, and all its objects carry it. Its first anchor says where on which
// branch it went on (its origin). The *main line* is the newest branch that has an anchor, and
// before it what it came from; what a deposed writer still sent is a side branch: kept and shown,
// never mixed in.
//
// Everything that choosing needs stands in the objects' names, so one listing is enough; a name is
// believed only when the object opens, whose associated data has the name in it.
//
// Free functions, as thread safe as the repository. Names are made by Holdfast; those in a store
// that are no names of this kind are ignored.
#ifndef HOLDFAST_REPOSITORY_TIMELINE_H_
#define HOLDFAST_REPOSITORY_TIMELINE_H_

#include <array>
#include <compare>
#include <concepts>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/time.h"
#include "repository/repository.h"

namespace holdfast::repository {

using Branch = std::uint32_t;  // the number of a lease, from 1; 0: none

// Numbers count commits where those can be counted, and go up by one for a state that a scan found.
// They go on from branch to branch, so on the main line a number alone names a position.
struct Position {
  Branch branch = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Position&) const = default;
};
std::string to_text(const Position& position);  // "3.1045"
// "1045" (branch 0: whichever the main line has) or "3.1045"; empty for anything else.
std::optional<Position> parse_position(std::string_view text);

// The folder of a database: series_of() for a snapshot of this database alone.
std::string timeline_series(const Repository& repository, std::string_view database);

// The first 16 digits of a checksum, as names have them. A timeline may have very many names, so it
// takes no memory beside its own.
class CheckDigits {
 public:
  CheckDigits() = default;
  // What is beyond 16 digits is left out.
  template <std::convertible_to<std::string_view> Text>
  CheckDigits(const Text& text) {
    const std::string_view digits = text;
    size_ = static_cast<std::uint8_t>(digits.copy(digits_.data(), digits_.size()));
  }
  std::string_view text() const { return {digits_.data(), size_}; }
  operator std::string_view() const { return text(); }
  auto operator<=>(const CheckDigits&) const = default;

 private:
  std::array<char, 16> digits_{};
  std::uint8_t size_ = 0;
};

// timelines/<series>/s/<branch>-<number>-<base>-<time>-<check>; object_name() makes that of it.
// Times of names lie between 1970 and the year 9999; others are moved to the nearer end when the
// object is made.
struct SegmentName {
  Position position;
  std::uint64_t base = 0;  // < position.number; of the same branch
  Time time{};             // when its last commit was seen, by the writer's clock
  CheckDigits check;
  auto operator<=>(const SegmentName&) const = default;
};

struct Segment {
  Position position;
  std::uint64_t base = 0;
  Time time{};
  std::uint32_t page_size = 0;
  std::uint64_t page_count = 0;
  std::string checksum;              // of the database at `position`, 64 digits
  bool scanned = false;              // found by reading the database, not the log
  std::vector<std::uint32_t> pages;  // sorted, each once, 1 … page_count
  Bytes content;                     // pages.size() * page_size
};

struct SealedObject {
  std::string name;
  Bytes content;
};
// Sealed, opened again and compared: what is put later, perhaps from a local backlog, is exactly
// this. Throws kWriteNotProved.
SealedObject seal_segment(const Repository& repository, std::string_view series,
                          const Segment& segment);
// Create-only. One that is there already with the same content was put by an attempt whose answer
// got lost, and is no error; other content throws kAlreadyExists (two writers with one token).
void put_sealed(const Repository& repository, const SealedObject& object);
// Throws kNotFound, kDamagedObject for content that does not authenticate or contradicts its name.
Segment read_segment(const Repository& repository, std::string_view series,
                     const SegmentName& name);

// How an anchor follows what was there before it.
enum class Relation {
  kFirst,      // no history
  kContinued,  // every commit in between is in segments; or the checksum is that of the origin
  kRepaired,   // commits in between were not seen: a gap
  kForked,     // the database was at an earlier position again (a power loss, an old copy)
  kReplaced,   // another database is there: less than half of its pages are the origin's
};
std::string_view relation_name(Relation relation);

// timelines/<series>/a/<branch>-<number>-<time>-<origin branch>-<origin number>-<relation>-<check>-
// <snapshot id>. It is put after the snapshot, and removed before it.
struct AnchorName {
  Position position;
  Time time{};      // when the state was fixed
  Position origin;  // branch 0: none; else the position that came before
  Relation relation = Relation::kFirst;
  CheckDigits check;
  SnapshotId snapshot;
  std::string object;  // the whole name
  bool operator==(const AnchorName&) const = default;
};
struct Anchor {
  AnchorName name;  // `object` and `check` are filled in by put_anchor()
  std::string checksum;
  std::uint32_t page_size = 0;
  std::uint64_t page_count = 0;
  std::string reason;  // why the database was read or the timeline closed: one sentence
  std::string host;
};
AnchorName put_anchor(const Repository& repository, std::string_view series, Anchor anchor);
Anchor read_anchor(const Repository& repository, const AnchorName& name);

// A position with a name: timelines/<series>/m/<id>.
struct Mark {
  ObjectId id;
  std::string name;
  Time time{};
  Position position;
};
// Throws kUsage for what check_snapshot_name() refuses.
Mark put_mark(const Repository& repository, std::string_view series, std::string_view name,
              const Position& position, Time time);
// One that was made before, under its own id.
void put_mark(const Repository& repository, std::string_view series, const Mark& mark);
struct MarkList {
  std::vector<Mark> marks;  // newest first; several may have one name
  std::vector<std::string> unreadable;
};
MarkList list_marks(const Repository& repository, std::string_view series);
// One that is gone already is no error.
void remove_mark(const Repository& repository, std::string_view series, const Mark& mark);

struct Timeline {
  std::string series;
  std::vector<SegmentName> segments;  // by position
  std::vector<AnchorName> anchors;    // by position; of one position by time
  // Anchors whose snapshot is gone, in the same order: nothing can be read from them, but they
  // still tell how branches follow one another.
  std::vector<AnchorName> links;

  bool empty() const { return segments.empty() && anchors.empty(); }
};
// Two listings. If `snapshots` says which snapshots are there, anchors of others become links; so
// do those of snapshots that were put after that list was made.
Timeline load_timeline(const Repository& repository, std::string_view series,
                       const std::set<SnapshotId>* snapshots = nullptr);

// A piece of the main line: the positions after `after` up to `last` are this branch's. `after` + 1
// is that of its first anchor.
struct LinePiece {
  Branch branch = 0;
  std::uint64_t after = 0, last = 0;
  Relation relation = Relation::kFirst;  // how it follows the piece before
};
std::vector<LinePiece> main_line(const Timeline& timeline);  // oldest first
std::vector<Branch> side_branches(const Timeline& timeline);

// What has to be read for one position.
struct StatePath {
  Position position;
  Time time{};
  AnchorName anchor;
  std::vector<SegmentName> segments;  // newest first; none if the anchor is that state itself
};
// The way with the fewest segments to a whole snapshot. Empty if the position is none (it lies
// within a segment, or in a gap), or if a segment or anchor on every way to it is missing.
std::optional<StatePath> find_path(const Timeline& timeline, const Position& position);

struct Nearest {
  std::optional<Position> before, after;
};
// The newest reachable position of the main line with time <= `time`. Empty if there is none, or if
// `time` lies in a gap: after the last position before an anchor that was kRepaired or kReplaced,
// and before that anchor. `nearest` is filled in then.
std::optional<StatePath> find_moment(const Timeline& timeline, Time time, Nearest* nearest);
// The newest reachable position of the main line; empty without any.
std::optional<StatePath> find_newest(const Timeline& timeline);
// Positions whose checksum begins with the first 16 digits of `check`, newest first: has the
// database been in this state?
std::vector<Position> find_check(const Timeline& timeline, std::string_view check);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_TIMELINE_H_
