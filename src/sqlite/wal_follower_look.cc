// What was committed, from the frames themselves.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sqlite/wal_follower_state.h"

namespace holdfast::sqlite {
namespace {

constexpr std::uint32_t kManyChanges = 64;

// Holds the transactions that are whole, and answers how many were read, at least: what may be
// padding is not counted, so that no padding makes up for a commit that is missing. `held` is moved
// behind the last that is held. Goes on to the end to prove it, unless `enough` says that what is
// held is.
std::uint64_t gather(FrameReader& reader, CommittedPages& pages, LogPlace& held, bool enough) {
  std::uint64_t commits = 0;
  while (const auto frame = reader.next()) {
    if (frame->commit != 0 && !frame->repeated) ++commits;
    if (pages.add(*frame)) held = reader.place();
    if (enough && pages.is_full()) break;
  }
  pages.drop_unfinished();
  return commits;
}

bool ends_at(const FrameReader& reader, const WalIndexHeader& header) {
  return reader.place().frame == header.last_frame() &&
         reader.place().checksum == end_of(header).checksum;
}

}  // namespace

using FollowerAnswer = std::optional<Look>;

FollowerAnswer WalFollower::State::read_commits(const IndexState& index, std::size_t most_bytes) {
  const WalIndexHeader& header = index.header;
  const std::uint32_t page_size =
      header.page_size() != 0 ? header.page_size() : known.geometry.page_size;
  if (known.geometry.page_size != 0 && page_size != known.geometry.page_size) {
    return lose(Loss::kPageSize,
                fmt::format("it is {} now, and was {}", page_size, known.geometry.page_size));
  }
  if (page_size == 0) return lose(Loss::kIndex, "the index says nothing about the database");
  CommittedPages pages(page_size, known_pages(page_size), most_bytes);
  return header.salts() == known.place.salts ? read_same_generation(index, pages)
                                             : read_next_generation(index, pages);
}

// Frames are only ever appended to a generation, and each one's checksum covers all before it: what
// goes on from the known frame is everything that was committed since.
FollowerAnswer WalFollower::State::read_same_generation(const IndexState& index,
                                                        CommittedPages& pages) {
  const WalIndexHeader& header = index.header;
  if (header.last_frame() <= known.place.frame) {
    return broken(index, Loss::kIndex, "the log is shorter than it was");
  }
  std::optional<LogPlace> from = known.place;
  if (from->frame == 0) from = beginning_of_log(files.log(), from->salts);
  if (!from) return broken(index, Loss::kOverwritten, "the log begins otherwise by now");
  FrameReader reader(files.log(), header.page_size(), *from, header.last_frame());
  LogPlace held = *from;
  const std::uint64_t commits = gather(reader, pages, held, true);
  if (!pages.is_full() && !ends_at(reader, header)) {
    return broken(
        index, Loss::kOverwritten,
        fmt::format("frame {} does not go on from the one before", reader.place().frame + 1));
  }
  const bool counted = !known.changes || pages.is_full() ||
                       static_cast<std::uint32_t>(commits) == header.changes() - *known.changes;
  if (const auto file = FileState::of(path); !counted && (!file || written.is_changed(*file))) {
    return lose_rebuilt();
  }
  return answer(index, pages, held, 0);
}

// The log was reset. What the old generation still had to say stands behind the new frames, as far
// as they have not covered it; that it was everything is proved by the number of commits.
FollowerAnswer WalFollower::State::read_next_generation(const IndexState& index,
                                                        CommittedPages& pages) {
  const WalIndexHeader& header = index.header;
  const std::uint32_t page_size =
      header.page_size() != 0 ? header.page_size() : known.geometry.page_size;
  LogPlace held = known.place;
  std::uint64_t commits = 0;
  std::optional<LogPlace> tail = known.place;
  if (tail->frame == 0) tail = beginning_of_log(files.log(), tail->salts);
  if (tail) {
    FrameReader reader(files.log(), page_size, *tail, std::numeric_limits<std::uint32_t>::max());
    commits = gather(reader, pages, held, false);
  }
  const std::uint64_t old_tail_commits = pages.commits();
  if (header.last_frame() > 0) {
    const auto begin = beginning_of_log(files.log(), header.salts());
    if (!begin) return broken(index, Loss::kOverwritten, "the log begins otherwise by now");
    FrameReader reader(files.log(), page_size, *begin, header.last_frame());
    commits += gather(reader, pages, held, false);
    if (!ends_at(reader, header)) {
      return broken(
          index, Loss::kOverwritten,
          fmt::format("frame {} does not go on from the one before", reader.place().frame + 1));
    }
  }
  if (!known.changes || static_cast<std::uint32_t>(commits) != header.changes() - *known.changes) {
    return broken(index, Loss::kCountDiffers,
                  fmt::format("{} commits could be read of {}", commits,
                              known.changes ? header.changes() - *known.changes : commits));
  }
  if (could_be_rebuilt()) {
    return lose(Loss::kIndex, "the log was reset, and the index may have been made anew");
  }
  return answer(index, pages, held, old_tail_commits);
}

// An index that is made anew counts from zero: its count then proves nothing if it happens to be
// the count that was expected. It is made anew only when nobody has the database open, or when a
// process died while it wrote the header.
bool WalFollower::State::could_be_rebuilt() const {
  if (known.around.holder > 0 && files.holder() == known.around.holder) return false;
  if (known.changes >= kManyChanges) return false;  // a coincidence of one in very many
  if (is_index_witnessed(known.around.events)) return false;
  const auto state = index_file();
  return !state || state->changed != known.around.index_changed;
}

FollowerAnswer WalFollower::State::answer(const IndexState& index, CommittedPages& pages,
                                          const LogPlace& held, std::uint64_t old_tail_commits) {
  const std::uint64_t commits = pages.commits();
  if (pages.is_full() && commits == 0) {
    return lose(Loss::kTooLarge, "one commit is larger than what is taken at once");
  }
  const PageNumber page_count = pages.page_count();
  CommittedPages::Sorted sorted = pages.sorted();
  if (sorted.unlogged != 0) {
    return lose(Loss::kUnloggedPage, fmt::format("page {} is in no frame", sorted.unlogged));
  }
  const std::uint32_t page_size =
      index.header.page_size() != 0 ? index.header.page_size() : known.geometry.page_size;
  if (pages.is_full()) {
    known.place = held;
    known.geometry = {page_size, page_count};
    if (known.changes) *known.changes += static_cast<std::uint32_t>(commits);
  } else {
    keep(index);
  }
  if (commits == 0) return nothing_new();
  Look look;
  look.kind = Look::Kind::kCommits;
  look.loss = Loss::kNone;
  look.commits = commits;
  look.geometry = {page_size, page_count};
  look.pages = std::move(sorted.pages);
  look.content = std::move(sorted.content);
  // A log that was deleted meanwhile may have a successor.
  look.more = pages.is_full() || !is_in_place();
  look.old_tail_commits = old_tail_commits;
  return look;
}

}  // namespace holdfast::sqlite
