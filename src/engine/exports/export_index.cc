#include "engine/exports/export_index.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "codec/keyed_hash.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kIndexMagic = "HFEXIDX1";
constexpr std::size_t kIndexHashSize = 32;

std::array<std::byte, kIndexHashSize> index_hash(ByteView bytes) {
  codec::SecretKey key;  // no secret: it is against damage
  std::ranges::copy(as_bytes("Holdfast: index of exported file"), key.writable().begin());
  std::array<std::byte, kIndexHashSize> hash{};
  codec::KeyedHash(key, kIndexHashSize).add(bytes).finish(hash);
  return hash;
}

void put_text(ByteWriter& to, std::string_view text) {
  to.number(static_cast<std::uint32_t>(text.size()));
  to.raw(as_bytes(text));
}

std::string take_text(ByteReader& from) {
  return std::string(as_text(from.raw(from.number<std::uint32_t>())));
}

void put_file(ByteWriter& to, const KnownFile& file) {
  to.number(file.size);
  to.number(file.identity);
  to.number(std::int64_t{file.modified.time_since_epoch().count()});
  to.number(static_cast<std::uint32_t>(file.pieces.size()));
  to.raw(std::as_bytes(std::span(file.pieces)));
}

template <typename Element>
std::vector<Element> elements_of(ByteView bytes) {
  std::vector<Element> elements(bytes.size() / sizeof(Element));
  if (!elements.empty()) std::memcpy(elements.data(), bytes.data(), bytes.size());
  return elements;
}

KnownFile take_file(ByteReader& from) {
  KnownFile file;
  file.size = from.number<std::uint64_t>();
  file.identity = from.number<std::uint64_t>();
  file.modified = Time(Duration(from.number<std::int64_t>()));
  const std::size_t count = from.number<std::uint32_t>();
  file.pieces = elements_of<codec::PageDigest>(from.raw(count * sizeof(codec::PageDigest)));
  return file;
}

ExportIndex decode_content(ByteReader& from) {
  ExportIndex index;
  index.key = codec::SecretKey(from.raw(codec::SecretKey::kSize));
  index.rules = take_text(from);
  index.file = take_file(from);
  index.hash = take_text(from);
  if (const auto has_spare = from.number<std::uint8_t>(); has_spare > 1) {
    throw Error(ErrorCode::kDamagedObject, "the index of an export says neither yes nor no");
  } else if (has_spare == 1) {
    index.spare = take_file(from);
    index.spare_name = take_text(from);
  }
  const std::size_t count = from.number<std::uint32_t>();
  const ByteView records = from.raw(count * sizeof(IndexedRecord));
  from.expect_end();
  auto list = std::make_shared<IndexedList>(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(&(*list)[i], records.data() + i * sizeof(IndexedRecord), sizeof(IndexedRecord));
  }
  index.records = std::move(list);
  return index;
}

}  // namespace

env::Path index_path(const env::Path& folder, const env::Path& file) {
  const auto name = index_hash(as_bytes(file.string()));
  return folder / (to_hex(ByteView(name).first(16)) + ".index");
}

Bytes encode_index(const ExportIndex& index) {
  ByteWriter bytes;
  bytes.raw(as_bytes(kIndexMagic));
  bytes.raw(index.key.view());
  put_text(bytes, index.rules);
  put_file(bytes, index.file);
  put_text(bytes, index.hash);
  bytes.number(static_cast<std::uint8_t>(index.spare.has_value()));
  if (index.spare) {
    put_file(bytes, *index.spare);
    put_text(bytes, index.spare_name);
  }
  bytes.number(static_cast<std::uint32_t>(index.records->size()));
  Bytes content = bytes.take();
  content.reserve(content.size() + index.records->size() * sizeof(IndexedRecord) + kIndexHashSize);
  for (const IndexedRecord& record : *index.records) {
    const ByteView raw = std::as_bytes(std::span(&record, 1));
    content.insert(content.end(), raw.begin(), raw.end());
  }
  return sealed_index(std::move(content));
}

Bytes sealed_index(Bytes content) {
  const auto hash = index_hash(content);
  content.insert(content.end(), hash.begin(), hash.end());
  return content;
}

std::optional<ExportIndex> decode_index(ByteView bytes) {
  if (bytes.size() < kIndexMagic.size() + kIndexHashSize) return std::nullopt;
  const ByteView content = bytes.first(bytes.size() - kIndexHashSize);
  if (as_text(content.first(kIndexMagic.size())) != kIndexMagic ||
      !std::ranges::equal(index_hash(content), bytes.last(kIndexHashSize))) {
    return std::nullopt;
  }
  try {
    ByteReader reader(content.subspan(kIndexMagic.size()), "the index of an export");
    return decode_content(reader);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<ExportIndex> read_index(env::FileSystem& files, const env::Path& path) {
  // No larger one was ever written.
  constexpr std::uint64_t kLargest = 64u << 20;
  try {
    const auto status = files.status(path);
    if (!status || status->directory || status->size > kLargest) return std::nullopt;
    return decode_index(env::read_file(files, path));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    return std::nullopt;
  }
}

void write_index(env::FileSystem& files, const env::Path& path, const ExportIndex& index) {
  try {
    files.make_directories(path.parent_path());
    env::write_file_atomically(files, path, encode_index(index));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    remove_index(files, path);
  }
}

bool remove_index(env::FileSystem& files, const env::Path& path) {
  try {
    if (!files.status(path)) return true;
    files.remove(path);
    files.sync_directory(path.parent_path());
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    return false;
  }
}

}  // namespace holdfast::engine
