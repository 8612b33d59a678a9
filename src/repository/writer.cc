#include "repository/writer.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "repository/blob_reader.h"
#include "repository/index_merge.h"
#include "repository/page_map.h"

namespace holdfast::repository {
namespace {

constexpr std::size_t kWaitingPacks = 1;

bool is_put(const Repository& repository, const Snapshot& snapshot) {
  const auto found =
      find_snapshot(repository, series_of(repository, snapshot.databases), snapshot.id);
  if (!found) return false;
  Snapshot ours = snapshot;
  ours.writer = found->writer;
  return serialize(*found) == serialize(ours);
}

}  // namespace

Writer::Writer(const Repository& repository)
    : repository_(&repository),
      intent_(repository, IntentKind::kWriter),
      // The order matters: a prune that does not see the intent has published what it condemns
      // before.
      loaded_(load_index(repository, {.except = packs_to_avoid(repository)})),
      pages_(random_pack_id()),
      trees_(random_pack_id()),
      uploader_([this](std::stop_token stop) { store_packs(stop); }) {}

Writer::~Writer() {
  uploader_.request_stop();
  changed_.notify_all();
}

std::uint64_t Writer::add_pages(BlobEncoder& encoder, const BlobId& id, ByteView pages,
                                std::span<const codec::PageDigest> digests) {
  return add(encoder, id, BlobKind::kPages, pages, digests);
}

std::uint64_t Writer::add_tree(BlobEncoder& encoder, const BlobId& id, BlobKind kind,
                               ByteView content) {
  return add(encoder, id, kind, content, {});
}

std::uint64_t Writer::add(BlobEncoder& encoder, const BlobId& id, BlobKind kind, ByteView content,
                          std::span<const codec::PageDigest> digests) {
  {
    const std::lock_guard lock(mutex_);
    rethrow_failure();
    const bool distrusted = distrusted_.contains(id);
    if (loaded_.index.contains(id) && !distrusted) return 0;
    if (!added_.insert(id).second) return 0;
    if (distrusted) {
      for (const BlobLocation& place : loaded_.index.find(id)) {
        withdrawn_.push_back({place.pack, id});
      }
    }
  }
  const EncodedBlob blob =
      encoder.encode(id, kind, static_cast<std::uint16_t>(digests.size()), content);
  std::unique_lock lock(mutex_);
  rethrow_failure();
  PackBuilder& pack = kind == BlobKind::kPages ? pages_ : trees_;
  pack.add(blob, digests);
  if (pack.size() >= kPackTarget) close_pack(lock, pack);
  return blob.box.size() + BlobEntry::kWrittenSize + std::as_bytes(digests).size();
}

void Writer::close_pack(std::unique_lock<std::mutex>& lock, PackBuilder& pack) {
  if (pack.empty()) return;
  PackBuilder full =
      std::exchange(pack, PackBuilder(random_pack_id(), std::exchange(spare_, Bytes())));
  changed_.wait(lock, [this] { return waiting_.size() < kWaitingPacks || failure_; });
  rethrow_failure();
  waiting_.push_back(std::move(full).finish(repository_->keys()));
  changed_.notify_all();
}

void Writer::store_packs(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    PackBuilder::Finished pack = std::move(waiting_.front());
    waiting_.pop_front();
    storing_ = true;
    changed_.notify_all();
    lock.unlock();
    std::exception_ptr failure;
    try {
      repository_->store().put(pack_name(pack.description.id), pack.content);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    storing_ = false;
    if (failure) {
      failure_ = failure;
    } else {
      bytes_stored_ += pack.content.size();
      stored_.push_back(std::move(pack.description));
      spare_ = std::move(pack.content);
    }
    changed_.notify_all();
    if (failure) return;
  }
}

void Writer::rethrow_failure() const {
  if (failure_) std::rethrow_exception(failure_);
}

void Writer::close_packs() {
  std::unique_lock lock(mutex_);
  if (pages_.size() + trees_.size() <= kPackTarget) trees_.move_into(pages_);
  close_pack(lock, pages_);
  close_pack(lock, trees_);
}

void Writer::flush() {
  close_packs();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return (waiting_.empty() && !storing_) || failure_; });
  rethrow_failure();

  IndexContent content{.packs = std::exchange(stored_, {}),
                       .withdrawn = std::exchange(withdrawn_, {})};
  content.packs.insert(content.packs.end(), loaded_.unindexed.begin(), loaded_.unindexed.end());
  loaded_.unindexed.clear();
  if (content.packs.empty() && content.withdrawn.empty()) return;
  put_entries(std::move(content));
}

// Damaged objects stay until a prune: deleting evidence is not a backup's business.
void Writer::put_entries(IndexContent content) {
  IndexMerge merge = merge_index(loaded_, content);
  // Who was taken for dead does not know what is being removed.
  if (merge.replaced.empty() || !intent_.still_there()) {
    put_index(*repository_, std::move(content));
    return;
  }
  put_index(*repository_, std::move(merge.content));
  loaded_.objects.clear();
  repository_->store().remove_many(merge.replaced);
}

void Writer::withdraw(const Snapshot& snapshot) const {
  try {
    remove_snapshot(*repository_, snapshot);
  } catch (const Error&) {
    // It is whole, only nobody was told of it.
  }
}

void Writer::commit(Snapshot snapshot) {
  flush();
  snapshot.writer = intent_.id();
  try {
    put_snapshot(*repository_, snapshot);
  } catch (const Error& error) {
    // A snapshot that is copied has its id already, so somebody else may have put the same one.
    // Only what nobody else can have put is withdrawn: a put that failed may have happened all the
    // same.
    const bool there = error.code() == ErrorCode::kAlreadyExists;
    if (!there) withdraw(snapshot);
    if (!there || !is_put(*repository_, snapshot)) throw;
  }
  if (intent_.still_there()) return;
  try {
    prove_reachable(*repository_, snapshot);
  } catch (const Error& error) {
    remove_snapshot(*repository_, snapshot);
    throw Error(
        ErrorCode::kIntentLost,
        fmt::format("the backup was taken for dead by a prune, and then: {}", error.what()));
  }
  intent_.remove_marker();
}

void prove_reachable(const Repository& repository, const Snapshot& snapshot) {
  const LoadedIndex loaded = load_index(repository, {.except = packs_to_avoid(repository)});
  const BlobReader reader(repository, loaded.index);
  BlobDecoder decoder(repository.keys());
  for (const DatabaseState& state : snapshot.databases) {
    visit_leaves(state.map, state.page_count, reader.node_getter(decoder),
                 [&](std::uint64_t number, const BlobId& id) {
                   const MapLeaf leaf =
                       parse_leaf(reader.read_tree(id, BlobKind::kMapLeaf, decoder),
                                  leaf_pages(state.page_count, number));
                   for (const BlobId& blob : leaf.blobs) {
                     if (loaded.index.contains(blob)) continue;
                     throw Error(ErrorCode::kMissingObject,
                                 fmt::format("blob {} is in no pack", blob.hex()));
                   }
                 });
  }
}

}  // namespace holdfast::repository
