// A timeline made by hand: what a replicator would have written for each commit of a test.
#ifndef HOLDFAST_ENGINE_TEST_TIMELINE_H_
#define HOLDFAST_ENGINE_TEST_TIMELINE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/page_digest.h"
#include "engine/test_protection.h"
#include "repository/timeline.h"
#include "repository/timeline_retention.h"

namespace holdfast::engine {

class TimelineWriter {
 public:
  explicit TimelineWriter(Protection& at, repository::Branch branch = 1)
      : at_(at),
        series_(repository::timeline_series(at.repository, Protection::kName)),
        branch_(branch) {}

  // A snapshot of what the database is now, and its anchor at the next number.
  repository::AnchorName anchor(repository::Relation relation = repository::Relation::kFirst,
                                repository::Position origin = {}, const std::string& why = "") {
    BackupRequest request = at_.request();
    request.tags = {std::string(repository::kReplicatedTag)};
    const repository::Snapshot snapshot = at_.back_up(request).snapshot;
    const repository::DatabaseState& state = snapshot.databases.front();
    if (relation != repository::Relation::kContinued || number == 0) ++number;
    remember(image_of(at_.database()));
    repository::Anchor anchor;
    anchor.name.position = position();
    anchor.name.time = time;
    anchor.name.origin = origin;
    anchor.name.relation = relation;
    anchor.name.snapshot = snapshot.id;
    anchor.checksum = state.checksum;
    anchor.page_size = state.page_size;
    anchor.page_count = state.page_count;
    anchor.reason = why;
    return repository::put_anchor(at_.repository, series_, anchor);
  }

  // One transaction, a second later, and its segment, which reaches back over `reach` states.
  repository::Position commit(const std::string& sql, std::size_t reach = 1) {
    at_.sql(sql);
    time += std::chrono::seconds(1);
    ++number;
    const std::string image = image_of(at_.database());
    const auto from = std::prev(images_.end(), static_cast<std::ptrdiff_t>(reach));
    put(image, from->first);
    remember(image);
    return position();
  }

  // Segments that reach as those of a replicator do.
  void commit_many(int count, const std::function<std::string(int)>& sql) {
    for (int i = 1; i <= count; ++i) {
      std::size_t reach = 1;
      while (static_cast<std::size_t>(i) % (reach * 4) == 0) reach *= 4;
      commit(sql(i), reach);
    }
  }

  // The next segment: every page that was written after `base`, and not only those that differ from
  // what they were there, because it may be laid over any state between.
  void put(const std::string& image, std::uint64_t base, bool wrong_checksum = false) {
    repository::Segment segment;
    segment.position = position();
    segment.base = base;
    segment.time = time;
    segment.page_size = page_size_of(image);
    segment.page_count = image.size() / segment.page_size;
    segment.checksum = checksum_of(wrong_checksum ? images_.at(base) : image);
    std::set<std::uint32_t> written;
    for (auto from = images_.find(base); from != images_.end(); ++from) {
      const auto to = std::next(from);
      add_difference(from->second, to == images_.end() ? image : to->second, written);
    }
    for (const std::uint32_t page : written) {
      if (page > segment.page_count) break;
      segment.pages.push_back(page);
      const ByteView content = as_bytes(page_of(image, page, segment.page_size));
      segment.content.insert(segment.content.end(), content.begin(), content.end());
    }
    repository::put_sealed(at_.repository,
                           repository::seal_segment(at_.repository, series_, segment));
  }

  std::string checksum_of(const std::string& image) const {
    const repository::MasterKeys& keys = at_.repository.keys();
    const std::uint32_t page_size = page_size_of(image);
    std::vector<codec::PageDigest> digests(image.size() / page_size);
    codec::PageHasher(keys.pages).digest_pages(as_bytes(image), page_size, digests);
    const codec::ChecksumKey key(keys.checksum);
    codec::DatabaseChecksum sum(key);
    sum.add(1, digests);
    return sum.finish(page_size, digests.size());
  }

  repository::Timeline load() const {
    const auto ids = repository::snapshot_ids(at_.repository);
    const std::set<SnapshotId> snapshots(ids.begin(), ids.end());
    return repository::load_timeline(at_.repository, series_, &snapshots);
  }
  repository::StatePath path_to(std::uint64_t wanted) const {
    const auto path = repository::find_path(load(), {branch_, wanted});
    EXPECT_TRUE(path.has_value()) << wanted;
    return path.value_or(repository::StatePath{});
  }

  repository::Position position() const { return {branch_, number}; }
  const std::string& series() const { return series_; }
  const std::map<std::uint64_t, std::string>& images() const { return images_; }

  Time time = parse_rfc3339("2026-11-21T03:00:00Z").value();
  std::uint64_t number = 0;

 private:
  static std::uint32_t page_size_of(const std::string& image) {
    const std::uint32_t size = load_be16(as_bytes(image).data() + 16);
    return size == 1 ? 65536 : size;
  }
  // Empty where there is none.
  static std::string_view page_of(std::string_view image, std::uint32_t page, std::uint32_t size) {
    return image.substr(std::min(image.size(), (page - 1) * std::size_t{size}), size);
  }
  static void add_difference(const std::string& before, const std::string& after,
                             std::set<std::uint32_t>& pages) {
    const std::uint32_t size = page_size_of(after);
    for (std::uint32_t page = 1; page <= after.size() / size; ++page) {
      if (page_of(before, page, size) != page_of(after, page, size)) pages.insert(page);
    }
  }
  void remember(std::string image) { images_[number] = std::move(image); }

  Protection& at_;
  std::string series_;
  repository::Branch branch_;
  std::map<std::uint64_t, std::string> images_;  // by number
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_TEST_TIMELINE_H_
