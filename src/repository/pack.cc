#include "repository/pack.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "base/error.h"
#include "codec/aead.h"
#include "repository/second_look.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kPackPrefix = "packs/";
constexpr std::string_view kHeader{"HFPK\x01\0\0\0", kPackHeaderSize};
constexpr std::string_view kFooterMagic = "HFPE";
constexpr std::size_t kPackReserve = kPackTarget + (3u << 20);

Bytes associated_data(std::string_view part, const PackId& id) {
  ByteWriter data;
  data.raw(as_bytes(part));
  data.raw(id.view());
  return data.take();
}

std::uint64_t page_total(const PackDescription& pack) {
  std::uint64_t pages = 0;
  for (const BlobEntry& entry : pack.entries) pages += entry.pages;
  return pages;
}

}  // namespace

std::string pack_name(const PackId& id) { return std::string(kPackPrefix) + id.hex(); }

std::optional<PackId> pack_of(std::string_view name) {
  if (!name.starts_with(kPackPrefix)) return std::nullopt;
  return PackId::from_hex(name.substr(kPackPrefix.size()));
}

PackId random_pack_id() {
  PackId id;
  codec::random_bytes(id.bytes);
  return id;
}

std::uint64_t PackDescription::blobs_size() const {
  std::uint64_t sum = 0;
  for (const BlobEntry& entry : entries) sum += entry.stored_size;
  return sum;
}

std::uint64_t PackDescription::size() const {
  return kPackHeaderSize + blobs_size() + digests_size + directory_size + kPackFooterSize;
}

bool is_possible(const PackDescription& pack) {
  return kPackHeaderSize + pack.blobs_size() <= std::numeric_limits<std::uint32_t>::max();
}

PackBuilder::PackBuilder(PackId id, Bytes memory) : content_(std::move(memory)) {
  description_.id = id;
  const ByteView header = as_bytes(kHeader);
  content_.assign(header.begin(), header.end());
}

void PackBuilder::add(const EncodedBlob& blob, std::span<const codec::PageDigest> digests) {
  if (digests.size() != blob.entry.pages) {
    throw Error(ErrorCode::kInternal, "a blob of pages comes with the digest of each");
  }
  // Once and for all, where doubling would take up to twice the memory. Untouched memory costs
  // nothing.
  if (content_.capacity() < kPackReserve) content_.reserve(kPackReserve);
  content_.insert(content_.end(), blob.box.begin(), blob.box.end());
  description_.entries.push_back(blob.entry);
  digests_.insert(digests_.end(), digests.begin(), digests.end());
}

void PackBuilder::move_into(PackBuilder& other) {
  const auto boxes = ByteView(content_).subspan(kPackHeaderSize);
  other.content_.insert(other.content_.end(), boxes.begin(), boxes.end());
  other.digests_.insert(other.digests_.end(), digests_.begin(), digests_.end());
  auto& entries = description_.entries;
  other.description_.entries.insert(other.description_.entries.end(), entries.begin(),
                                    entries.end());
  content_.resize(kPackHeaderSize);
  digests_.clear();
  entries.clear();
}

PackBuilder::Finished PackBuilder::finish(const MasterKeys& keys) && {
  const PackId& id = description_.id;
  if (!digests_.empty()) {
    const std::size_t start = content_.size();
    codec::seal(keys.blobs, associated_data("holdfast pack digests", id),
                std::as_bytes(std::span(digests_)), content_);
    description_.digests_size = static_cast<std::uint32_t>(content_.size() - start);
  }
  ByteWriter directory;
  for (const BlobEntry& entry : description_.entries) write_entry(directory, entry);
  const std::size_t start = content_.size();
  codec::seal(keys.blobs, associated_data("holdfast pack directory", id), directory.bytes(),
              content_);
  description_.directory_size = static_cast<std::uint32_t>(content_.size() - start);
  ByteWriter footer;
  footer.number(description_.digests_size);
  footer.number(description_.directory_size);
  footer.raw(as_bytes(kFooterMagic));
  content_.insert(content_.end(), footer.bytes().begin(), footer.bytes().end());
  return {std::move(description_), std::move(content_)};
}

PackDescription parse_directory(const MasterKeys& keys, const PackId& id,
                                std::uint32_t digests_size, ByteView box) {
  const std::string what = "the directory of " + pack_name(id);
  const Bytes plain =
      codec::open(keys.blobs, associated_data("holdfast pack directory", id), box, what);
  PackDescription pack{.id = id,
                       .digests_size = digests_size,
                       .directory_size = static_cast<std::uint32_t>(box.size()),
                       .entries = {}};
  ByteReader reader(plain, what);
  while (!reader.at_end()) pack.entries.push_back(read_entry(reader));
  return pack;
}

namespace {

PackDescription read_directory_once(storage::Store& store, const MasterKeys& keys, const PackId& id,
                                    std::uint64_t size) {
  const std::string name = pack_name(id);
  const auto damaged = [&](std::string_view why) {
    return Error(ErrorCode::kDamagedObject, fmt::format("{} {}", name, why));
  };
  if (size < kPackHeaderSize + kPackFooterSize) throw damaged("is too short for a pack");
  std::array<std::byte, kPackFooterSize> footer{};
  store.get_range(name, size - footer.size(), footer);
  ByteReader reader(footer, name);
  const auto digests_size = reader.number<std::uint32_t>();
  const auto directory_size = reader.number<std::uint32_t>();
  if (as_text(reader.raw(kFooterMagic.size())) != kFooterMagic) throw damaged("has no footer");
  if (std::uint64_t{digests_size} + directory_size > size - kPackHeaderSize - kPackFooterSize) {
    throw damaged("is cut short");
  }
  Bytes box(directory_size);
  store.get_range(name, size - kPackFooterSize - directory_size, box);
  PackDescription pack = parse_directory(keys, id, digests_size, box);
  if (pack.size() != size) throw damaged("has another size than its directory says");
  if (!is_possible(pack)) throw damaged("is larger than a pack can be");
  return pack;
}

}  // namespace

PackDescription read_directory(storage::Store& store, const MasterKeys& keys, const PackId& id,
                               std::uint64_t size) {
  return second_look([&] { return read_directory_once(store, keys, id, size); });
}

void check_pack_frame(storage::Store& store, const MasterKeys& keys, const PackDescription& pack) {
  const std::string name = pack_name(pack.id);
  second_look([&] {
    Bytes header(kPackHeaderSize);
    store.get_range(name, 0, header);
    if (as_text(header) == kHeader) return;
    throw Error(ErrorCode::kDamagedObject, name + " does not begin like a pack");
  });
  const PackDescription own = read_directory(store, keys, pack.id, pack.size());
  if (own.entries != pack.entries || own.digests_size != pack.digests_size) {
    throw Error(ErrorCode::kDamagedObject, name + " holds other blobs than its index says");
  }
}

std::vector<codec::PageDigest> open_digests(const MasterKeys& keys, const PackDescription& pack,
                                            ByteView box) {
  std::vector<codec::PageDigest> digests(page_total(pack));
  if (digests.empty()) return digests;
  codec::open(keys.blobs, associated_data("holdfast pack digests", pack.id), box,
              std::as_writable_bytes(std::span(digests)), "the digests of " + pack_name(pack.id));
  return digests;
}

std::vector<codec::PageDigest> read_digests(storage::Store& store, const MasterKeys& keys,
                                            const PackDescription& pack) {
  if (page_total(pack) == 0) return {};
  return second_look([&] {
    Bytes box(pack.digests_size);
    store.get_range(pack_name(pack.id), pack.digests_offset(), box);
    return open_digests(keys, pack, box);
  });
}

}  // namespace holdfast::repository
