#include "engine/exports/export_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

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

void put_digest(ByteWriter& to, const codec::PageDigest& digest) {
  to.number(digest.low);
  to.number(digest.high);
}

codec::PageDigest take_digest(ByteReader& from) {
  const auto low = from.number<std::uint64_t>();
  return {.low = low, .high = from.number<std::uint64_t>()};
}

void put_file(ByteWriter& to, const KnownFile& file) {
  to.number(file.size);
  to.number(file.identity);
  to.number(std::int64_t{file.modified.time_since_epoch().count()});
  to.number(std::int64_t{file.changed.time_since_epoch().count()});
  to.number(static_cast<std::uint32_t>(file.pieces.size()));
  for (const PieceDigest& piece : file.pieces) {
    put_digest(to, piece.known);
    put_digest(to, piece.proof);
  }
}

[[noreturn]] void refuse(std::string_view what) {
  throw Error(ErrorCode::kDamagedObject, fmt::format("the index of an export has {}", what));
}

void put_block(ByteWriter& to, const RecordBlock& block) {
  const auto* number = std::get_if<std::int64_t>(&block.first);
  to.number(static_cast<std::uint8_t>(number != nullptr ? 0 : 1));
  if (number != nullptr) {
    to.number(*number);
  } else {
    put_text(to, std::get<std::string>(block.first));
  }
  put_digest(to, block.rows);
  to.number(block.records);
  to.number(block.length);
}

RecordBlock take_block(ByteReader& from) {
  RecordBlock block;
  switch (from.number<std::uint8_t>()) {
    case 0:
      block.first = from.number<std::int64_t>();
      break;
    case 1:
      block.first = take_text(from);
      break;
    default:
      refuse("a key of no kind");
  }
  block.rows = take_digest(from);
  block.records = from.number<std::uint32_t>();
  block.length = from.number<std::uint64_t>();
  return block;
}

KnownFile take_file(ByteReader& from) {
  KnownFile file;
  file.size = from.number<std::uint64_t>();
  file.identity = from.number<std::uint64_t>();
  file.modified = Time(Duration(from.number<std::int64_t>()));
  file.changed = Time(Duration(from.number<std::int64_t>()));
  const std::size_t count = from.number<std::uint32_t>();
  for (std::size_t i = 0; i < count; ++i) {
    const codec::PageDigest known = take_digest(from);
    file.pieces.push_back({.known = known, .proof = take_digest(from)});
  }
  return file;
}

ExportIndex decode_content(ByteReader& from) {
  ExportIndex index;
  index.key = codec::SecretKey(from.raw(codec::SecretKey::kSize));
  index.rules = take_text(from);
  index.file = take_file(from);
  index.hash = take_text(from);
  if (const auto has_spare = from.number<std::uint8_t>(); has_spare > 1) {
    refuse("neither a spare file nor none");
  } else if (has_spare == 1) {
    index.spare = take_file(from);
    index.spare_name = take_text(from);
    if (index.spare_name.find('/') != std::string::npos) refuse("a spare file elsewhere");
  }
  index.block_length = from.number<std::uint64_t>();
  const std::size_t count = from.number<std::uint32_t>();
  for (std::size_t i = 0; i < count; ++i) index.blocks.push_back(take_block(from));
  from.expect_end();
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
  bytes.number(index.block_length);
  bytes.number(static_cast<std::uint32_t>(index.blocks.size()));
  for (const RecordBlock& block : index.blocks) put_block(bytes, block);
  return sealed_index(bytes.take());
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
