#include "repository/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "codec/aead.h"
#include "codec/compression.h"

namespace holdfast::repository {
namespace {

constexpr std::string_view kMagic = "HFD1";
constexpr std::size_t kHeaderSize = 12;
// Far more than an index or snapshot can need; keeps the sizes below away from 32-bit limits.
constexpr std::size_t kMostContent = std::size_t{1} << 30;

struct Header {
  DocumentKind kind;
  codec::Compression compression;
  std::uint32_t raw_size;
};

Bytes write_header(const Header& header) {
  ByteWriter writer;
  writer.raw(as_bytes(kMagic));
  writer.number(static_cast<std::uint8_t>(header.kind));
  writer.number(static_cast<std::uint8_t>(header.compression));
  writer.number(std::uint16_t{0});
  writer.number(header.raw_size);
  return writer.take();
}

Bytes associated_data(ByteView header, std::string_view name) {
  Bytes associated(header.begin(), header.end());
  const ByteView name_bytes = as_bytes(name);
  associated.insert(associated.end(), name_bytes.begin(), name_bytes.end());
  return associated;
}

}  // namespace

Bytes seal_document(const codec::SecretKey& key, DocumentKind kind, std::string_view name,
                    ByteView content) {
  if (content.size() > kMostContent) {
    throw Error(ErrorCode::kInternal,
                fmt::format("{}: {} bytes are too many for a document", name, content.size()));
  }
  codec::Compressor compressor;
  const codec::Compressor::Result compressed = compressor.compress(content);
  Bytes object =
      write_header({kind, compressed.method, static_cast<std::uint32_t>(content.size())});
  codec::seal(key, associated_data(object, name), compressed.bytes, object);
  const bool proved = [&] {
    try {
      return std::ranges::equal(open_document(key, kind, name, object), content);
    } catch (const Error&) {
      return false;
    }
  }();
  if (!proved) {
    throw Error(ErrorCode::kWriteNotProved, fmt::format("{} does not decode to what it was", name));
  }
  return object;
}

std::uint32_t claimed_size(ByteView object) {
  if (object.size() < kHeaderSize || !as_text(object).starts_with(kMagic)) return 0;
  return load<std::uint32_t>(object.data() + kHeaderSize - sizeof(std::uint32_t));
}

Bytes open_document(const codec::SecretKey& key, DocumentKind kind, std::string_view name,
                    ByteView object) {
  const auto damaged = [&](std::string_view problem) {
    return Error(ErrorCode::kDamagedObject, fmt::format("{} {}", name, problem));
  };
  ByteReader reader(object, name);
  const ByteView header = reader.raw(kHeaderSize);
  ByteReader fields(header, name);
  if (as_text(fields.raw(kMagic.size())) != kMagic) throw damaged("is not a document");
  if (fields.number<std::uint8_t>() != static_cast<std::uint8_t>(kind)) {
    throw damaged("is a document of another kind");
  }
  const auto compression = fields.number<std::uint8_t>();
  const auto zero = fields.number<std::uint16_t>();
  const auto raw_size = fields.number<std::uint32_t>();
  // Authenticated before any of its numbers is believed.
  const Bytes stored =
      codec::open(key, associated_data(header, name), reader.raw(reader.remaining()), name);
  if (zero != 0 || raw_size > kMostContent ||
      compression > static_cast<std::uint8_t>(codec::Compression::kZstd)) {
    throw damaged("has a header that this version cannot read");
  }
  Bytes content(raw_size);
  codec::Decompressor decompressor;
  decompressor.decompress(static_cast<codec::Compression>(compression), stored, content, name);
  return content;
}

}  // namespace holdfast::repository
