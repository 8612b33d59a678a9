#include "repository/pack_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel.h"
#include "repository/second_look.h"

namespace holdfast::repository {
namespace {

using codec::PageDigest;

bool is_damage(const Error& error) { return error.code() == ErrorCode::kDamagedObject; }
bool is_unreadable(const Error& error) { return error.code() == ErrorCode::kIo; }

// What could not be read of one pack: a bad disk is to be told once, not once for each blob.
struct Unreadable {
  std::uint64_t blobs = 0, others = 0;
  std::string first;
};

// The blobs of a pack in the order they have there, read several at once: few large reads around
// the page cache cost less than many.
class PackWindow {
 public:
  PackWindow(storage::Store& store, const PackDescription& pack, Buffer& memory)
      : store_(store), pack_(pack), memory_(memory) {}

  // The `size` bytes from `offset`, until the next call. Where they cannot be read together with
  // what follows them, they are read alone.
  MutableByteView box(std::uint64_t offset, std::size_t size) {
    if (offset < from_ || offset + size > from_ + held_.size()) {
      try {
        read(offset / kUnit * kUnit, std::max(kWindow, size + kUnit));
      } catch (const Error& error) {
        if (!is_damage(error) && !is_unreadable(error)) throw;
        read(offset, size);
      }
    }
    return held_.subspan(offset - from_, size);
  }
  // The next box() reads anew.
  void forget() { held_ = {}; }

 private:
  static constexpr std::size_t kWindow = 4 << 20, kUnit = 4096;

  void read(std::uint64_t from, std::size_t most) {
    held_ = {};
    const MutableByteView window =
        memory_.first(std::min<std::uint64_t>(most, pack_.size() - from));
    store_.get_range(pack_name(pack_.id), from, window);
    from_ = from;
    held_ = window;
  }

  storage::Store& store_;
  const PackDescription& pack_;
  Buffer& memory_;
  std::uint64_t from_ = 0;
  MutableByteView held_;
};

// What a thread works with.
struct Workspace {
  explicit Workspace(const MasterKeys& keys) : decoder(keys) {}
  BlobDecoder decoder;
  Buffer boxes, plain;
};

class PackReading {
 public:
  PackReading(const Repository& repository, const Index& index, Progress& progress)
      : repository_(repository),
        index_(index),
        progress_(progress),
        hasher_(repository.keys().pages) {}

  void read(const PackDescription& pack, Workspace& space);
  PackFindings take() { return std::move(findings_); }

 private:
  void read_parts(const PackDescription& pack, Workspace& space);
  void check_frame(const PackDescription& pack, Unreadable& unreadable);
  std::vector<PageDigest> listed_digests(const PackDescription& pack, Unreadable& unreadable);
  // Answers the digests of its pages.
  std::vector<PageDigest> check_blob(const BlobEntry& entry, ByteView box, Workspace& space);
  bool is_healed(const PackDescription& pack, const BlobEntry& entry) const;
  // Damage is noted, what could not be read is counted; anything else is thrown.
  void note(const PackDescription& pack, const Error& error, const BlobId& blob,
            Unreadable& unreadable);
  void note(const PackDescription& pack, const Unreadable& unreadable);

  const Repository& repository_;
  const Index& index_;
  Progress& progress_;
  codec::PageHasher hasher_;
  std::mutex mutex_;  // guards findings_
  PackFindings findings_;
};

void PackReading::note(const PackDescription& pack, const Error& error, const BlobId& blob,
                       Unreadable& unreadable) {
  if (!is_damage(error) && !is_unreadable(error)) throw error;
  const std::lock_guard lock(mutex_);
  if (is_damage(error)) {
    findings_.damage.push_back({pack_name(pack.id), error.happened()});
    findings_.withdrawn.push_back({pack.id, blob});
    return;
  }
  if (unreadable.first.empty()) unreadable.first = error.happened();
  if (blob == kPackItself) {
    ++unreadable.others;
    return;
  }
  ++unreadable.blobs;
  findings_.unreadable.push_back({pack.id, blob});
}

void PackReading::note(const PackDescription& pack, const Unreadable& unreadable) {
  if (unreadable.first.empty()) return;
  const std::string what = unreadable.blobs > 0 ? fmt::format("{} of its {} blobs",
                                                              unreadable.blobs, pack.entries.size())
                                                : std::string("its digests or its directory");
  const std::lock_guard lock(mutex_);
  findings_.damage.push_back(
      {pack_name(pack.id), fmt::format("{} cannot be read ({})", what, unreadable.first)});
}

bool PackReading::is_healed(const PackDescription& pack, const BlobEntry& entry) const {
  return index_.withdrawn().contains({pack.id, entry.id}) && index_.contains(entry.id);
}

void PackReading::check_frame(const PackDescription& pack, Unreadable& unreadable) {
  try {
    check_pack_frame(repository_.store(), repository_.keys(), pack);
  } catch (const Error& error) {
    note(pack, error, kPackItself, unreadable);
  }
}

std::vector<PageDigest> PackReading::listed_digests(const PackDescription& pack,
                                                    Unreadable& unreadable) {
  try {
    return read_digests(repository_.store(), repository_.keys(), pack);
  } catch (const Error& error) {
    note(pack, error, kPackItself, unreadable);
    return {};
  }
}

void PackReading::read(const PackDescription& pack, Workspace& space) {
  try {
    read_parts(pack, space);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    const std::lock_guard lock(mutex_);
    findings_.gone.push_back(pack.id);
  }
}

void PackReading::read_parts(const PackDescription& pack, Workspace& space) {
  Unreadable unreadable;
  check_frame(pack, unreadable);
  const std::vector<PageDigest> listed = listed_digests(pack, unreadable);
  PackWindow window(repository_.store(), pack, space.boxes);
  std::uint64_t offset = kPackHeaderSize;
  std::size_t first_digest = 0;
  for (const BlobEntry& entry : pack.entries) {
    try {
      if (!is_healed(pack, entry)) {
        std::vector<PageDigest> digests = second_look([&] {
          try {
            return check_blob(entry, window.box(offset, entry.stored_size), space);
          } catch (const Error&) {
            window.forget();
            throw;
          }
        });
        if (listed.empty()) {
          const std::lock_guard lock(mutex_);
          findings_.digests.insert_or_assign(entry.id, std::move(digests));
        } else if (!std::ranges::equal(digests,
                                       std::span(listed).subspan(first_digest, entry.pages))) {
          throw Error(
              ErrorCode::kDamagedObject,
              fmt::format("blob {} does not have the digests listed for it", entry.id.hex()));
        }
      }
    } catch (const Error& error) {
      note(pack, error, entry.id, unreadable);
    }
    offset += entry.stored_size;
    first_digest += entry.pages;
    progress_.advance(entry.stored_size);
  }
  note(pack, unreadable);
  const std::lock_guard lock(mutex_);
  findings_.packs += 1;
  findings_.blobs += pack.entries.size();
  findings_.bytes_read += pack.size();
}

std::vector<PageDigest> PackReading::check_blob(const BlobEntry& entry, ByteView box,
                                                Workspace& space) {
  const MutableByteView plain = space.plain.first(entry.raw_size);
  space.decoder.decode(entry, box, plain);
  std::vector<PageDigest> digests(entry.pages);
  BlobId id;
  if (entry.kind == BlobKind::kPages) {
    const std::uint32_t page_size = entry.raw_size / entry.pages;
    hasher_.digest_pages(plain, page_size, digests);
    id = pages_id(repository_.keys(), page_size, digests);
  } else {
    id = content_id(repository_.keys(), entry.kind, plain);
  }
  if (id != entry.id) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("blob {} holds something else than its id says", entry.id.hex()));
  }
  return digests;
}

}  // namespace

PackFindings read_packs(const Repository& repository, const Index& index,
                        std::span<const PackId> packs, unsigned threads, Progress& progress) {
  std::uint64_t total = 0;
  for (const PackId& id : packs) total += index.pack(id)->size();
  progress.stage("Reading every byte", total);
  PackReading reading(repository, index, progress);
  std::atomic<std::size_t> next{0};
  // Two for each core: one waits for the medium while the other computes.
  run_parallel(2 * thread_count(threads), [&](const std::atomic<bool>& stop) {
    Workspace space(repository.keys());
    for (std::size_t i = next++; i < packs.size() && !stop; i = next++) {
      reading.read(*index.pack(packs[i]), space);
    }
  });
  return reading.take();
}

}  // namespace holdfast::repository
