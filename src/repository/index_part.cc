#include "repository/index_part.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::repository {
namespace {

std::size_t entries_in(const IndexContent& content) {
  std::size_t entries = 0;
  for (const PackDescription& pack : content.packs) entries += pack.entries.size();
  return entries;
}

}  // namespace

Bytes serialize(const IndexContent& content) {
  ByteWriter out;
  out.varint(content.packs.size());
  for (const PackDescription& pack : content.packs) {
    out.raw(pack.id.view());
    out.number(pack.digests_size);
    out.number(pack.directory_size);
    out.varint(pack.entries.size());
    for (const BlobEntry& entry : pack.entries) write_entry(out, entry);
  }
  out.varint(content.withdrawn.size());
  for (const WithdrawnBlob& blob : content.withdrawn) {
    out.raw(blob.pack.view());
    out.raw(blob.blob.view());
  }
  return out.take();
}

IndexContent parse_index(ByteView bytes) {
  IndexContent content;
  ByteReader in(bytes, "an index");
  for (auto packs = in.varint(); packs > 0; --packs) {
    PackDescription& pack = content.packs.emplace_back();
    pack.id = PackId::from_bytes(in.raw(PackId::kSize));
    pack.digests_size = in.number<std::uint32_t>();
    pack.directory_size = in.number<std::uint32_t>();
    auto entries = in.varint();
    pack.entries.reserve(std::min<std::size_t>(entries, in.remaining() / BlobEntry::kWrittenSize));
    for (; entries > 0; --entries) pack.entries.push_back(read_entry(in));
    if (!is_possible(pack)) {
      throw Error(ErrorCode::kDamagedObject, pack_name(pack.id) + " is larger than a pack can be");
    }
  }
  for (auto blobs = in.varint(); blobs > 0; --blobs) {
    WithdrawnBlob blob;
    blob.pack = PackId::from_bytes(in.raw(PackId::kSize));
    blob.blob = BlobId::from_bytes(in.raw(BlobId::kSize));
    content.withdrawn.push_back(blob);
  }
  in.expect_end();
  return content;
}

IndexPart::IndexPart(const IndexContent& content)
    : entries_(entries_in(content)),
      packs_by_id_(content.packs.size()),
      blobs_by_id_(entries_in(content)),
      withdrawn_(content.withdrawn) {
  packs_.reserve(content.packs.size());
  for (const PackDescription& pack : content.packs) {
    if (find_pack(pack.id)) continue;
    if (!is_possible(pack)) throw Error(ErrorCode::kInternal, "a pack is larger than it can be");
    packs_by_id_.insert(pack.id, pack_count());
    packs_.push_back({.id = pack.id,
                      .digests_size = pack.digests_size,
                      .directory_size = pack.directory_size,
                      .first = blob_count(),
                      .blobs_size = static_cast<std::uint32_t>(pack.blobs_size())});
    auto offset = static_cast<std::uint32_t>(kPackHeaderSize);
    for (const BlobEntry& entry : pack.entries) {
      blobs_by_id_.insert(entry.id, blob_count());
      entries_.push_back({.blob = entry, .offset = offset});
      offset += entry.stored_size;
    }
  }
}

std::uint64_t IndexPart::pack_size(std::uint32_t pack) const {
  const Pack& one = packs_[pack];
  return kPackHeaderSize + one.blobs_size + std::uint64_t{one.digests_size} + one.directory_size +
         kPackFooterSize;
}

PackDescription IndexPart::pack(std::uint32_t pack) const {
  const Pack& one = packs_[pack];
  PackDescription description{.id = one.id,
                              .digests_size = one.digests_size,
                              .directory_size = one.directory_size,
                              .entries = {}};
  description.entries.reserve(pack_blobs(pack));
  for (std::uint32_t blob = one.first; blob < end_of(pack); ++blob) {
    description.entries.push_back(entries_.at(blob).blob);
  }
  return description;
}

std::optional<std::uint32_t> IndexPart::find_pack(const PackId& id) const {
  std::optional<std::uint32_t> found;
  packs_by_id_.visit(id, [&](std::uint32_t number) {
    if (packs_[number].id == id) found = number;
    return found.has_value();
  });
  return found;
}

// Packs without blobs have the same first blob as the one after them.
std::uint32_t IndexPart::pack_of(std::uint32_t blob) const {
  const auto after = std::ranges::upper_bound(packs_, blob, {}, &Pack::first);
  return static_cast<std::uint32_t>(after - packs_.begin()) - 1;
}

std::size_t IndexPart::digest_position(std::uint32_t pack, std::uint64_t offset) const {
  std::size_t position = 0;
  for (std::uint32_t blob = packs_[pack].first; blob < end_of(pack); ++blob) {
    const PlacedEntry entry = entries_.at(blob);
    if (entry.offset == offset) break;
    position += entry.blob.pages;
  }
  return position;
}

IndexContent IndexPart::content() const {
  IndexContent content{.packs = {}, .withdrawn = withdrawn_};
  content.packs.reserve(packs_.size());
  for (std::uint32_t number = 0; number < pack_count(); ++number) {
    content.packs.push_back(pack(number));
  }
  return content;
}

std::size_t IndexPart::bytes() const {
  return sizeof *this + packs_.capacity() * sizeof(Pack) + entries_.bytes() + packs_by_id_.bytes() +
         blobs_by_id_.bytes() + withdrawn_.capacity() * sizeof(WithdrawnBlob);
}

}  // namespace holdfast::repository
