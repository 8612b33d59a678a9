#include "repository/timeline_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "codec/page_digest.h"
#include "repository/blob_reader.h"
#include "repository/document.h"
#include "repository/page_map.h"
#include "repository/snapshot_copy.h"
#include "repository/timeline_anchor.h"
#include "repository/timeline_names.h"
#include "repository/timeline_path.h"
#include "repository/timeline_segment.h"

namespace holdfast::repository {
namespace {

// Small objects wait for the store's answer, not for the processor.
constexpr unsigned kAtOnce = 8;

// What tells two objects of a timeline apart whatever the keys are.
auto key_of(const SegmentName& name) { return std::tuple(name.position, name.base, name.time); }
auto key_of(const AnchorName& name) {
  return std::tuple(name.position, name.time, name.origin, name.snapshot);
}

template <typename Name>
auto keys_of(const std::vector<Name>& names) {
  std::set<decltype(key_of(names.front()))> keys;
  for (const Name& name : names) keys.insert(key_of(name));
  return keys;
}

// Those of `more` that `names` lacks, and keeps its order.
template <typename Name>
void add_missing(std::vector<Name>& names, const std::vector<Name>& more) {
  const auto known = keys_of(names);
  for (const Name& name : more) {
    if (!known.contains(key_of(name))) names.push_back(name);
  }
  std::ranges::sort(names, {}, [](const Name& name) { return key_of(name); });
}

template <typename Name>
std::vector<Name> without(const std::vector<Name>& names, const std::vector<Name>& there,
                          const std::vector<Name>& unwanted) {
  auto known = keys_of(there);
  known.merge(keys_of(unwanted));
  std::vector<Name> rest;
  for (const Name& name : names) {
    if (!known.contains(key_of(name))) rest.push_back(name);
  }
  return rest;
}

// The digests of a database's pages under the keys of the copy, at one of its positions.
class DigestsAt {
 public:
  DigestsAt(const Repository& repository, const BlobReader& reader, std::string_view series)
      : repository_(repository),
        reader_(reader),
        series_(series),
        hasher_(repository.keys().pages),
        checksum_key_(repository.keys().checksum),
        sum_(checksum_key_) {}

  // Whether what `segment` says can be laid over them.
  bool lead_to(const SegmentName& segment) const {
    return at_.branch == segment.position.branch && at_.number >= segment.base &&
           at_.number < segment.position.number;
  }
  // Throws kDamagedObject, kMissingObject, kNotFound.
  void go_to(const StatePath& path);
  void lay_over(const Segment& segment);
  std::string checksum() const { return sum_.finish(page_size_, digests_.size()); }

 private:
  void set(std::uint64_t page, const codec::PageDigest& digest) {
    const codec::PageDigest difference = digests_[page - 1] + digest;
    sum_.add(page, std::span(&difference, 1));
    digests_[page - 1] = digest;
  }

  const Repository& repository_;
  const BlobReader& reader_;
  const std::string series_;
  const codec::PageHasher hasher_;
  const codec::ChecksumKey checksum_key_;
  codec::DatabaseChecksum sum_;
  std::vector<codec::PageDigest> digests_;
  std::uint32_t page_size_ = 0;
  Position at_;
};

void DigestsAt::go_to(const StatePath& path) {
  const auto snapshot = find_snapshot(repository_, series_, path.anchor.snapshot);
  if (!snapshot || snapshot->databases.size() != 1) {
    throw Error(ErrorCode::kMissingObject,
                fmt::format("the snapshot of position {} is gone", to_text(path.position)));
  }
  const DatabaseState& state = snapshot->databases.front();
  page_size_ = state.page_size;
  digests_.clear();
  BlobDecoder decoder(repository_.keys());
  visit_leaves(state.map, state.page_count, reader_.node_getter(decoder),
               [&](std::uint64_t number, const BlobId& id) {
                 const MapLeaf leaf = parse_leaf(reader_.read_tree(id, BlobKind::kMapLeaf, decoder),
                                                 leaf_pages(state.page_count, number));
                 for (const LeafRun& run : leaf.runs) {
                   const auto of_blob = reader_.digests(leaf.blobs[run.blob]);
                   if (run.slot > of_blob.size() || run.count > of_blob.size() - run.slot) {
                     throw Error(ErrorCode::kDamagedObject, "a leaf names pages beyond its blob");
                   }
                   const auto first = of_blob.begin() + run.slot;
                   digests_.insert(digests_.end(), first, first + run.count);
                 }
               });
  sum_ = codec::DatabaseChecksum(checksum_key_);
  sum_.add(1, digests_);
  for (auto name = path.segments.rbegin(); name != path.segments.rend(); ++name) {
    lay_over(read_segment(repository_, series_, *name));
  }
  at_ = path.position;
}

void DigestsAt::lay_over(const Segment& segment) {
  if (segment.page_size != page_size_) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("segment {} has another page size than its database",
                            to_text(segment.position)));
  }
  // A page that is no more counts as zero.
  for (std::uint64_t page = segment.page_count + 1; page <= digests_.size(); ++page) set(page, {});
  digests_.resize(segment.page_count);
  std::vector<codec::PageDigest> fresh(segment.pages.size());
  hasher_.digest_pages(segment.content, page_size_, fresh);
  for (std::size_t i = 0; i < fresh.size(); ++i) set(segment.pages[i], fresh[i]);
  at_ = segment.position;
}

class Filling {
 public:
  Filling(const Repository& from, const Repository& to, const TimelineGaps& gaps,
          CopyResult& result)
      : from_(from), to_(to), gaps_(gaps), result_(result) {}

  void as_they_are(Progress& progress);
  void under_other_keys(Progress& progress);

 private:
  std::string object_of(const SegmentName& name) const {
    return object_name(gaps_.from_series, name);
  }
  static const std::string& object_of(const AnchorName& name) { return name.object; }

  // Reads what `read` reads, and what is damaged is told of. What the source has thinned out
  // meanwhile is none of a copy's business.
  template <typename Name, typename Work>
  void each(const Name& name, const Work& work) {
    try {
      work(name);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNotFound) return;
      if (error.code() != ErrorCode::kDamagedObject && error.code() != ErrorCode::kMissingObject) {
        throw;
      }
      const std::lock_guard lock(mutex_);
      result_.failures.push_back({.what = std::string(object_of(name)), .why = error.happened()});
    }
  }
  template <typename Name, typename Check>
  void put_as_it_is(const Name& name, const Check& check) {
    const std::string object(object_of(name));
    Bytes content = from_.store().get(object);
    check(name, content);
    count(content.size());
    put_sealed(to_, {.name = object, .content = std::move(content)});
  }
  void count(std::uint64_t stored) {
    const std::lock_guard lock(mutex_);
    result_.bytes_stored += stored;
  }
  void copy_marks();
  void copy_segment(const SegmentName& name, DigestsAt& digests, Timeline& there);

  const Repository& from_;
  const Repository& to_;
  const TimelineGaps& gaps_;
  std::mutex mutex_;
  CopyResult& result_;
};

void Filling::as_they_are(Progress& progress) {
  const codec::SecretKey& key = from_.keys().documents;
  const auto put_anchor = [&](const AnchorName& name) {
    put_as_it_is(name, [&](const AnchorName& of, ByteView content) {
      parse_anchor(of, open_document(key, DocumentKind::kAnchor, of.object, content));
    });
  };
  for (const AnchorName& link : gaps_.links) each(link, put_anchor);
  for (const AnchorName& anchor : gaps_.anchors) {
    if (find_snapshot(to_, gaps_.to_series, anchor.snapshot)) each(anchor, put_anchor);
  }
  std::atomic<std::size_t> next = 0;
  const auto copy_some = [&](const std::atomic<bool>& stop) {
    for (std::size_t i = next++; i < gaps_.segments.size() && !stop; i = next++) {
      each(gaps_.segments[i], [&](const SegmentName& name) {
        put_as_it_is(name, [&](const SegmentName& of, ByteView content) {
          const Segment segment =
              parse_segment(of, open_document(key, DocumentKind::kSegment, object_of(of), content));
          const std::lock_guard lock(mutex_);
          result_.bytes_read += segment.content.size();
          ++result_.positions;
        });
      });
      progress.advance(1);
    }
  };
  run_parallel(static_cast<unsigned>(std::min<std::size_t>(kAtOnce, gaps_.segments.size())),
               copy_some);
  copy_marks();
}

void Filling::under_other_keys(Progress& progress) {
  Timeline there = gaps_.timeline;
  for (const AnchorName& link : gaps_.links) {
    each(link, [&](const AnchorName& name) {
      put_anchor(to_, gaps_.to_series, read_anchor(from_, name));
    });
  }
  for (const AnchorName& anchor : gaps_.anchors) {
    each(anchor, [&](const AnchorName& name) {
      const auto snapshot = find_snapshot(to_, gaps_.to_series, name.snapshot);
      if (!snapshot || snapshot->databases.size() != 1) return;
      Anchor content = read_anchor(from_, name);
      content.checksum = snapshot->databases.front().checksum;
      there.anchors.push_back(put_anchor(to_, gaps_.to_series, content));
    });
  }
  std::ranges::sort(there.anchors, {}, [](const AnchorName& name) { return key_of(name); });
  const LoadedIndex loaded = load_index(to_);
  const BlobReader reader(to_, loaded.index);
  DigestsAt digests(to_, reader, gaps_.to_series);
  for (const SegmentName& segment : gaps_.segments) {
    each(segment, [&](const SegmentName& name) { copy_segment(name, digests, there); });
    progress.advance(1);
  }
  copy_marks();
}

// The checksum of a segment is that of the whole database under the keys of the repository, so one
// has to know the state that it is laid over.
void Filling::copy_segment(const SegmentName& name, DigestsAt& digests, Timeline& there) {
  Segment segment = read_segment(from_, gaps_.from_series, name);
  if (!digests.lead_to(name)) {
    const BranchPoints points(there, name.position.branch, name.position.number - 1);
    const auto below = std::ranges::find_if(
        points.points().rbegin(), points.points().rend(), [&](const TimelinePoint& point) {
          return point.reachable() && point.position.number >= name.base;
        });
    // No restore could use it either.
    if (below == points.points().rend()) return;
    digests.go_to(points.path(*below));
  }
  digests.lay_over(segment);
  segment.checksum = digests.checksum();
  const SealedObject sealed = seal_segment(to_, gaps_.to_series, segment);
  try {
    put_sealed(to_, sealed);
  } catch (const Error& error) {
    // Another copy was faster: sealed twice, it is never twice the same.
    if (error.code() != ErrorCode::kAlreadyExists) throw;
  }
  if (const auto put = parse_segment_name(gaps_.to_series, sealed.name)) {
    there.segments.insert(std::ranges::upper_bound(there.segments, *put), *put);
  }
  ++result_.positions;
  result_.bytes_read += segment.content.size();
  result_.bytes_stored += sealed.content.size();
}

void Filling::copy_marks() {
  for (const Mark& mark : gaps_.marks) {
    try {
      put_mark(to_, gaps_.to_series, mark);
      ++result_.marks;
    } catch (const Error& error) {
      // Another copy was faster.
      if (error.code() != ErrorCode::kAlreadyExists) throw;
    }
  }
}

}  // namespace

TimelineGaps find_gaps(const CopySide& from, const CopySide& to, std::string_view database,
                       const TimelinePolicy& policy) {
  TimelineGaps gaps{.from_series = timeline_series(from.repository, database),
                    .to_series = timeline_series(to.repository, database),
                    .timeline = {},
                    .anchors = {},
                    .links = {},
                    .segments = {},
                    .marks = {}};
  const Timeline source = load_timeline(from.repository, gaps.from_series, &from.snapshots);
  if (source.empty()) return gaps;
  gaps.timeline = load_timeline(to.repository, gaps.to_series, &to.snapshots);
  std::vector<Mark> marks = list_marks(to.repository, gaps.to_series).marks;
  std::set<ObjectId> known;
  for (const Mark& mark : marks) known.insert(mark.id);
  for (const Mark& mark : list_marks(from.repository, gaps.from_series).marks) {
    if (known.contains(mark.id)) continue;
    gaps.marks.push_back(mark);
    marks.push_back(mark);
  }
  Timeline both = source;
  add_missing(both.segments, gaps.timeline.segments);
  add_missing(both.anchors, gaps.timeline.anchors);
  add_missing(both.links, gaps.timeline.links);
  const Thinning unwanted =
      plan_thinning(both, marks, policy, thinning_time(from.repository, source));
  gaps.anchors = without(source.anchors, gaps.timeline.anchors, unwanted.anchors);
  gaps.links = without(source.links, gaps.timeline.links, unwanted.anchors);
  gaps.links = without(gaps.links, gaps.timeline.anchors, {});
  gaps.segments = without(source.segments, gaps.timeline.segments, unwanted.segments);
  return gaps;
}

void copy_timeline(const Repository& from, const Repository& to, const TimelineGaps& gaps,
                   Progress& progress, CopyResult& result) {
  Filling filling(from, to, gaps, result);
  if (same_keys(from, to)) {
    filling.as_they_are(progress);
  } else {
    filling.under_other_keys(progress);
  }
}

}  // namespace holdfast::repository
