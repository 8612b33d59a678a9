#include "sqlite/log_proof.h"

#include <algorithm>
#include <utility>

#include "sqlite/file_header.h"

namespace holdfast::sqlite {
namespace {

// Reading a frame costs some four times what reading a page does; and the view is held meanwhile.
constexpr std::uint32_t kFewFrames = 256;
constexpr std::uint32_t kMostLogBytes = 64u << 20;
std::uint32_t most_frames(const Geometry& geometry) {
  return std::min(std::max(kFewFrames, geometry.page_count / 4),
                  kMostLogBytes / geometry.page_size);
}

// What frames say of the pages that they hold.
class LoggedPages {
 public:
  explicit LoggedPages(const Geometry& before)
      : page_size_(before.page_size), least_count_(before.page_count) {}

  // Goes on behind `place` as far as the log does, at most to frame `last`; answers where it ended.
  LogPlace read(int log, const LogPlace& place, std::uint32_t last) {
    FrameReader reader(log, page_size_, place, last);
    while (const auto frame = reader.next()) {
      pages_.push_back(frame->page);
      if (frame->commit == 0) continue;
      if (!frame->repeated) ++commits_;
      least_count_ = std::min(least_count_, frame->commit);
    }
    return reader.place();
  }

  // At least so many: what may be padding is not counted.
  std::uint32_t commits() const { return commits_; }

  // Those of a database that ends with `page_count`. Empty if it grew by a page that no frame
  // holds.
  std::optional<std::vector<PageNumber>> up_to(PageNumber page_count) && {
    std::sort(pages_.begin(), pages_.end());
    pages_.erase(std::unique(pages_.begin(), pages_.end()), pages_.end());
    pages_.erase(std::upper_bound(pages_.begin(), pages_.end(), page_count), pages_.end());
    const auto grown = pages_.end() - std::upper_bound(pages_.begin(), pages_.end(), least_count_);
    const auto lock_page = static_cast<PageNumber>(kLockByteOffset / page_size_ + 1);
    const bool has_lock_page = lock_page > least_count_ && lock_page <= page_count;
    if (page_count > least_count_ + grown + (has_lock_page ? 1 : 0)) return std::nullopt;
    return std::move(pages_);
  }

 private:
  std::uint32_t page_size_;
  PageNumber least_count_;  // that the database had meanwhile
  std::uint32_t commits_ = 0;
  std::vector<PageNumber> pages_;
};

// The first of a log's two salts counts its resets, unless the log is made anew.
bool is_next_generation(std::uint64_t before, std::uint64_t now) {
  const auto count = [](std::uint64_t salts) {
    return __builtin_bswap32(static_cast<std::uint32_t>(salts >> 32));
  };
  return count(now) == count(before) + 1;
}

bool is_same(const LogPlace& a, const LogPlace& b) {
  return a.salts == b.salts && a.frame == b.frame && (a.frame == 0 || a.checksum == b.checksum);
}

// What the view's own generation of the log has, from the mark on. False where it does not lead to
// the view.
bool read_to_view(LoggedPages& logged, int log, const LogPlace& mark, const LogPlace& view,
                  std::uint32_t most) {
  if (view.frame == 0) return true;
  const auto from = mark.frame == 0 ? beginning_of_log(log, mark.salts) : mark;
  if (!from || view.frame < from->frame || view.frame - from->frame > most) return false;
  return is_same(logged.read(log, *from, view.frame), view);
}

// Whatever was committed behind the mark before the log was reset, as far as new frames have not
// covered it. If it was reset more than once, that is not it, and the count tells.
void read_old_tail(LoggedPages& logged, int log, const LogPlace& mark, std::uint32_t most) {
  if (mark.frame == 0) return;
  logged.read(log, mark, mark.frame + most);
}

}  // namespace

std::optional<LogMark> LogMark::of(const std::filesystem::path& database,
                                   const WalIndexHeader& view, const Geometry& geometry) {
  LogFiles files;
  if (files.open(database) != LogFiles::Opening::kOpened) return std::nullopt;
  const auto index = files.index();
  const auto file = FileState::of(database);
  const auto holder = env::running_process(files.holder());
  // A file system that tells no time of birth soon gives another file the same identity.
  if (!index || !file || !holder || files.index_identity().born == 0) return std::nullopt;
  return LogMark{.database = file->identity,
                 .index = files.index_identity(),
                 .holder = *holder,
                 .place = end_of(view),
                 .geometry = geometry,
                 .changes = view.changes(),
                 .written = WrittenBack::of(*index, *file)};
}

std::optional<std::vector<PageNumber>> pages_since(const LogMark& mark,
                                                   const std::filesystem::path& database,
                                                   const WalIndexHeader& view,
                                                   const Geometry& geometry) {
  if (geometry.page_size != mark.geometry.page_size) return std::nullopt;
  const auto file = FileState::of(database);
  LogFiles files;
  if (!file || file->identity != mark.database) return std::nullopt;
  if (files.open(database) != LogFiles::Opening::kOpened) return std::nullopt;
  const auto index = files.index();
  if (!index || files.index_identity() != mark.index) return std::nullopt;
  if (env::running_process(files.holder()) != mark.holder) return std::nullopt;
  if (mark.written.is_changed_by_others(*file, *index)) return std::nullopt;

  LoggedPages logged(mark.geometry);
  const LogPlace end = end_of(view);
  const std::uint32_t most = most_frames(geometry);
  const bool same_generation = end.salts == mark.place.salts;
  if (same_generation && end.frame < mark.place.frame) return std::nullopt;
  if (!same_generation && is_next_generation(mark.place.salts, end.salts)) {
    read_old_tail(logged, files.log(), mark.place, most);
  }
  LogPlace from = mark.place;
  if (!same_generation) from = {.salts = end.salts, .frame = 0, .checksum = {}};
  if (!read_to_view(logged, files.log(), from, end, most)) return std::nullopt;
  if (logged.commits() != view.changes() - mark.changes) return std::nullopt;
  return std::move(logged).up_to(geometry.page_count);
}

Bytes LogMark::bytes() const {
  ByteWriter out;
  for (const FileState::Identity& identity : {database, index}) {
    out.number(identity.device);
    out.number(identity.inode);
    out.number(identity.born);
  }
  for (const std::string& text : {holder.host, holder.boot_id}) {
    out.varint(text.size());
    out.raw(as_bytes(text));
  }
  out.number(holder.pid);
  out.number(holder.start_ticks);
  out.number(place.salts);
  out.number(place.frame);
  out.number(place.checksum.first);
  out.number(place.checksum.second);
  out.number(std::uint8_t{place.big_endian_checksums});
  out.number(geometry.page_size);
  out.number(geometry.page_count);
  out.number(changes);
  out.number(written.size);
  out.number(written.modified);
  out.number(written.salts);
  out.number(written.backfilled);
  out.number(written.attempted);
  return out.take();
}

LogMark LogMark::parse(ByteReader& in) {
  LogMark mark;
  for (FileState::Identity* identity : {&mark.database, &mark.index}) {
    identity->device = in.number<std::uint64_t>();
    identity->inode = in.number<std::uint64_t>();
    identity->born = in.number<std::int64_t>();
  }
  for (std::string* text : {&mark.holder.host, &mark.holder.boot_id}) {
    *text = as_text(in.raw(in.varint()));
  }
  mark.holder.pid = in.number<std::int64_t>();
  mark.holder.start_ticks = in.number<std::int64_t>();
  mark.place.salts = in.number<std::uint64_t>();
  mark.place.frame = in.number<std::uint32_t>();
  mark.place.checksum.first = in.number<std::uint32_t>();
  mark.place.checksum.second = in.number<std::uint32_t>();
  mark.place.big_endian_checksums = in.number<std::uint8_t>() != 0;
  mark.geometry.page_size = in.number<std::uint32_t>();
  mark.geometry.page_count = in.number<std::uint32_t>();
  mark.changes = in.number<std::uint32_t>();
  mark.written.size = in.number<std::uint64_t>();
  mark.written.modified = in.number<std::int64_t>();
  mark.written.salts = in.number<std::uint64_t>();
  mark.written.backfilled = in.number<std::uint32_t>();
  mark.written.attempted = in.number<std::uint32_t>();
  return mark;
}

}  // namespace holdfast::sqlite
