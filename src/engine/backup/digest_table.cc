#include "engine/backup/digest_table.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "codec/aead.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kMagic{"HFDT\x01\0\0\0", 8};
constexpr std::size_t kSeriesSize = 32;
constexpr std::size_t kHeaderSize = kSeriesSize + SnapshotId::kSize + 4 + 8;
constexpr std::uint64_t kChunksOffset = kMagic.size() + kHeaderSize + codec::kBoxOverhead;
constexpr std::size_t kChunkSize = kChunkPages * sizeof(codec::PageDigest);
constexpr std::size_t kChunkBox = kChunkSize + codec::kBoxOverhead;
constexpr std::string_view kHeaderContext = "holdfast digest table 1";

std::uint64_t chunk_offset(std::uint64_t chunk) { return kChunksOffset + chunk * kChunkBox; }

void read_fully(env::File& file, std::uint64_t offset, MutableByteView out) {
  if (file.read_at(offset, out) != out.size()) {
    throw Error(ErrorCode::kDamagedObject, "a digest table is cut short");
  }
}

}  // namespace

DigestTable::DigestTable(env::FileSystem& files, env::Path path, const codec::SecretKey& key)
    : files_(&files), path_(std::move(path)), key_(key) {}

DigestTable::DigestTable(DigestTable&& other) noexcept
    : files_(other.files_),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      key_(other.key_),
      file_(std::move(other.file_)),
      header_(std::move(other.header_)),
      failed_(other.failed_.load()) {}

DigestTable& DigestTable::operator=(DigestTable&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(key_, other.key_);
  std::swap(file_, other.file_);
  std::swap(header_, other.header_);
  failed_ = other.failed_.exchange(failed_);
  return *this;
}

DigestTable::~DigestTable() {
  if (temporary_.empty()) return;
  file_.reset();
  try {
    files_->remove(temporary_);
  } catch (...) {
    // A leftover of a few megabytes in a cache folder harms nobody.
  }
}

std::optional<DigestTable> DigestTable::open(env::FileSystem& files, const env::Path& path,
                                             const codec::SecretKey& key) {
  try {
    DigestTable table(files, path, key);
    table.file_ = files.open_read(path);
    Bytes start(kChunksOffset);
    read_fully(*table.file_, 0, start);
    if (as_text(start).substr(0, kMagic.size()) != kMagic) return std::nullopt;
    const Bytes plain = codec::open(key, as_bytes(kHeaderContext),
                                    ByteView(start).subspan(kMagic.size()), "a digest table");
    ByteReader reader(plain, "a digest table");
    table.header_.series = as_text(reader.raw(kSeriesSize));
    table.header_.snapshot = SnapshotId::from_bytes(reader.raw(SnapshotId::kSize));
    table.header_.page_size = reader.number<std::uint32_t>();
    table.header_.page_count = reader.number<std::uint64_t>();
    return table;
  } catch (const Error&) {
    return std::nullopt;
  }
}

DigestTable DigestTable::create(env::FileSystem& files, const env::Path& path,
                                const codec::SecretKey& key, std::uint32_t page_size) {
  DigestTable table(files, path, key);
  ObjectId random;
  codec::random_bytes(random.bytes);
  files.make_directories(path.parent_path());
  const env::Path temporary =
      path.parent_path() / fmt::format(".{}.{}", path.filename().string(), random.short_hex());
  table.file_ = files.create(temporary);
  table.temporary_ = temporary;
  table.header_.page_size = page_size;
  return table;
}

Bytes DigestTable::associated_data(std::uint64_t chunk) const {
  ByteWriter data;
  data.raw(as_bytes("holdfast digest chunk"));
  data.number(header_.page_size);
  data.number(chunk);
  return data.take();
}

template <typename Access>
void DigestTable::access(const Access& file_access) const {
  try {
    file_access(*file_);
  } catch (const Error& error) {
    failed_ = failed_ || error.code() != ErrorCode::kDamagedObject;
    throw;
  }
}

void DigestTable::read_chunk(std::uint64_t chunk, std::span<codec::PageDigest> out) const {
  thread_local Bytes box(kChunkBox);
  access([&](env::File& file) { read_fully(file, chunk_offset(chunk), box); });
  codec::open(key_, associated_data(chunk), box, std::as_writable_bytes(out), "a digest table");
}

void DigestTable::write_chunk(std::uint64_t chunk, std::span<const codec::PageDigest> digests) {
  thread_local Bytes box;
  box.clear();
  codec::seal(key_, associated_data(chunk), std::as_bytes(digests), box);
  access([&](env::File& file) { file.write_at(chunk_offset(chunk), box); });
}

void DigestTable::copy_chunk(const DigestTable& from, std::uint64_t chunk) {
  thread_local Bytes box(kChunkBox);
  access([&](env::File& file) {
    read_fully(*from.file_, chunk_offset(chunk), box);
    file.write_at(chunk_offset(chunk), box);
  });
}

void DigestTable::publish(const Header& header) {
  if (header.series.size() != kSeriesSize || header.page_size != header_.page_size) {
    throw Error(ErrorCode::kInternal, "a digest table is published for another database");
  }
  ByteWriter plain;
  plain.raw(as_bytes(header.series));
  plain.raw(header.snapshot.view());
  plain.number(header.page_size);
  plain.number(header.page_count);
  const ByteView magic = as_bytes(kMagic);
  Bytes start(magic.begin(), magic.end());
  codec::seal(key_, as_bytes(kHeaderContext), plain.bytes(), start);
  file_->write_at(0, start);
  // Not synced: after a power loss the boxes tell what did not reach the disk, and the table is
  // made anew.
  files_->rename(temporary_, path_);
  temporary_.clear();
  header_ = header;
}

}  // namespace holdfast::engine
