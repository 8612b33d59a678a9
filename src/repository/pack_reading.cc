#include "repository/pack_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"

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

class PackReading {
 public:
  PackReading(const Repository& repository, const Index& index, Progress& progress)
      : repository_(repository),
        index_(index),
        progress_(progress),
        hasher_(repository.keys().pages) {}

  void read(const PackDescription& pack, BlobDecoder& decoder, Bytes& buffer);
  PackFindings take() { return std::move(findings_); }

 private:
  void read_parts(const PackDescription& pack, BlobDecoder& decoder, Bytes& buffer);
  void check_frame(const PackDescription& pack, Unreadable& unreadable);
  std::vector<PageDigest> listed_digests(const PackDescription& pack, Unreadable& unreadable);
  // Answers the digests of its pages.
  std::vector<PageDigest> read_blob(const BlobLocation& place, BlobDecoder& decoder, Bytes& buffer);
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

void PackReading::read(const PackDescription& pack, BlobDecoder& decoder, Bytes& buffer) {
  try {
    read_parts(pack, decoder, buffer);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    const std::lock_guard lock(mutex_);
    findings_.gone.push_back(pack.id);
  }
}

void PackReading::read_parts(const PackDescription& pack, BlobDecoder& decoder, Bytes& buffer) {
  Unreadable unreadable;
  check_frame(pack, unreadable);
  const std::vector<PageDigest> listed = listed_digests(pack, unreadable);
  std::uint64_t offset = kPackHeaderSize;
  std::size_t first_digest = 0;
  for (const BlobEntry& entry : pack.entries) {
    try {
      if (!is_healed(pack, entry)) {
        std::vector<PageDigest> digests = read_blob({entry, pack.id, offset}, decoder, buffer);
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

std::vector<PageDigest> PackReading::read_blob(const BlobLocation& place, BlobDecoder& decoder,
                                               Bytes& buffer) {
  thread_local Bytes box;
  const BlobEntry& entry = place.entry;
  box.resize(entry.stored_size);
  repository_.store().get_range(pack_name(place.pack), place.offset, box);
  if (buffer.size() < entry.raw_size) buffer.resize(entry.raw_size);
  const auto plain = MutableByteView(buffer).first(entry.raw_size);
  decoder.decode(entry, box, plain);
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
  run_parallel(thread_count(threads), [&](const std::atomic<bool>& stop) {
    BlobDecoder decoder(repository.keys());
    Bytes buffer;
    for (std::size_t i = next++; i < packs.size() && !stop; i = next++) {
      reading.read(*index.pack(packs[i]), decoder, buffer);
    }
  });
  return reading.take();
}

}  // namespace holdfast::repository
