#include "repository/blob.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "codec/aead.h"
#include "codec/keyed_hash.h"

namespace holdfast::repository {
namespace {

constexpr std::uint32_t kLargestBlob = 64u << 20;

std::array<std::byte, 24> associated_data(const BlobEntry& entry) {
  std::array<std::byte, 24> data{};
  data[0] = std::byte{1};
  data[1] = static_cast<std::byte>(entry.kind);
  data[2] = static_cast<std::byte>(entry.compression);
  store(data.data() + 4, entry.raw_size);
  std::ranges::copy(entry.id.bytes, data.begin() + 8);
  return data;
}

std::string describe(const BlobEntry& entry) { return fmt::format("blob {}", entry.id.hex()); }

}  // namespace

void write_entry(ByteWriter& out, const BlobEntry& entry) {
  out.number(static_cast<std::uint8_t>(entry.kind));
  out.number(static_cast<std::uint8_t>(entry.compression));
  out.number(entry.pages);
  out.number(entry.raw_size);
  out.number(entry.stored_size);
  out.raw(entry.id.view());
}

BlobEntry read_entry(ByteReader& in) {
  BlobEntry entry;
  const auto kind = in.number<std::uint8_t>(), compression = in.number<std::uint8_t>();
  entry.pages = in.number<std::uint16_t>();
  entry.raw_size = in.number<std::uint32_t>();
  entry.stored_size = in.number<std::uint32_t>();
  entry.id = BlobId::from_bytes(in.raw(BlobId::kSize));
  entry.kind = static_cast<BlobKind>(kind);
  entry.compression = static_cast<codec::Compression>(compression);
  const bool pages_fit = entry.kind == BlobKind::kPages
                             ? entry.pages > 0 && entry.raw_size % entry.pages == 0
                             : entry.pages == 0;
  if (kind < 1 || kind > 3 || compression > 1 || !pages_fit || entry.raw_size > kLargestBlob ||
      entry.stored_size < codec::kBoxOverhead ||
      entry.stored_size > entry.raw_size + codec::kBoxOverhead) {
    throw Error(ErrorCode::kDamagedObject,
                fmt::format("the entry of {} makes no sense", describe(entry)));
  }
  return entry;
}

BlobId pages_id(const MasterKeys& keys, std::uint32_t page_size,
                std::span<const codec::PageDigest> digests) {
  BlobId id;
  codec::KeyedHash(keys.ids, BlobId::kSize)
      .number(static_cast<std::uint8_t>(BlobKind::kPages))
      .number(page_size)
      .add(std::as_bytes(digests))
      .finish(id.bytes);
  return id;
}

BlobId content_id(const MasterKeys& keys, BlobKind kind, ByteView content) {
  BlobId id;
  codec::KeyedHash(keys.ids, BlobId::kSize)
      .number(static_cast<std::uint8_t>(kind))
      .add(content)
      .finish(id.bytes);
  return id;
}

BlobEncoder::BlobEncoder(const MasterKeys& keys, int compression_level)
    : keys_(&keys), compressor_(compression_level) {}

EncodedBlob BlobEncoder::encode(const BlobId& id, BlobKind kind, std::uint16_t pages,
                                ByteView plain) {
  // Compressed to where it is then encrypted in place: what need not be copied stays in the
  // processor's cache.
  const MutableByteView room = box_.first(plain.size() + codec::kBoxOverhead);
  const auto compressed = compressor_.compress(plain, room.subspan(codec::kNonceSize));
  EncodedBlob blob;
  blob.entry = {
      .id = id,
      .kind = kind,
      .compression = compressed.method,
      .pages = pages,
      .raw_size = static_cast<std::uint32_t>(plain.size()),
      .stored_size = static_cast<std::uint32_t>(compressed.bytes.size() + codec::kBoxOverhead)};
  const auto associated = associated_data(blob.entry);
  const MutableByteView box = room.first(blob.entry.stored_size);
  codec::seal(keys_->blobs, associated, compressed.bytes, box);
  blob.box = box;

  const auto opened = opened_.first(compressed.bytes.size());
  const auto decoded = decoded_.first(plain.size());
  const std::string what = describe(blob.entry);
  try {
    codec::open(keys_->blobs, associated, blob.box, opened, what);
    decompressor_.decompress(compressed.method, opened, decoded, what);
  } catch (const Error& error) {
    throw Error(ErrorCode::kWriteNotProved, fmt::format("just encoded: {}", error.what()));
  }
  if (std::memcmp(decoded.data(), plain.data(), plain.size()) != 0) {
    throw Error(ErrorCode::kWriteNotProved,
                fmt::format("{} does not decode to what was read", what));
  }
  return blob;
}

void BlobDecoder::decode(const BlobEntry& entry, ByteView box, MutableByteView out) {
  const std::string what = describe(entry);
  if (box.size() < codec::kBoxOverhead || out.size() != entry.raw_size) {
    throw Error(ErrorCode::kDamagedObject, fmt::format("{} is cut short", what));
  }
  if (entry.compression == codec::Compression::kNone) {
    if (box.size() - codec::kBoxOverhead != out.size()) {
      throw Error(ErrorCode::kDamagedObject,
                  fmt::format("{} has another size than its entry", what));
    }
    codec::open(keys_->blobs, associated_data(entry), box, out, what);
    return;
  }
  const auto opened = opened_.first(box.size() - codec::kBoxOverhead);
  codec::open(keys_->blobs, associated_data(entry), box, opened, what);
  decompressor_.decompress(entry.compression, opened, out, what);
}

}  // namespace holdfast::repository
