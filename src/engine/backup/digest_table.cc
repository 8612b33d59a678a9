#include "engine/backup/digest_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "codec/aead.h"
#include "codec/keyed_hash.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kTableMagic{"HFDT\x02\0\0\0", 8}, kChangesMagic{"HFDC\x01\0\0\0", 8};
constexpr std::size_t kSeriesSize = 32;
constexpr std::size_t kIdSize = 16;
constexpr std::size_t kHeaderSize = kIdSize + kSeriesSize + SnapshotId::kSize + 4 + 8;
constexpr std::uint64_t kChunksOffset = kTableMagic.size() + kHeaderSize + codec::kBoxOverhead;
constexpr std::size_t kChunkSize = kChunkPages * sizeof(codec::PageDigest);
constexpr std::size_t kChunkBox = kChunkSize + codec::kBoxOverhead;
constexpr std::string_view kTableContext = "holdfast digest table 2";
constexpr std::string_view kChangesContext = "holdfast digest changes 1";
// More changes than that, and the table is written anew.
constexpr std::size_t kMostChanges = 1u << 15;

std::uint64_t chunk_offset(std::uint64_t chunk) { return kChunksOffset + chunk * kChunkBox; }
std::uint64_t chunk_count(std::uint64_t pages) { return (pages + kChunkPages - 1) / kChunkPages; }

void read_fully(env::File& file, std::uint64_t offset, MutableByteView out) {
  if (file.read_at(offset, out) != out.size()) {
    throw Error(ErrorCode::kDamagedObject, "a digest table is cut short");
  }
}

bool begins_with(ByteView content, std::string_view magic) {
  return as_text(content).starts_with(magic);
}

void write_header(ByteWriter& out, const DigestTable::Header& header) {
  out.raw(as_bytes(header.series));
  out.raw(header.snapshot.view());
  out.number(header.page_size);
  out.number(header.page_count);
}

DigestTable::Header read_header(ByteReader& in) {
  DigestTable::Header header;
  header.series = as_text(in.raw(kSeriesSize));
  header.snapshot = SnapshotId::from_bytes(in.raw(SnapshotId::kSize));
  header.page_size = in.number<std::uint32_t>();
  header.page_count = in.number<std::uint64_t>();
  return header;
}

Bytes boxed(const codec::SecretKey& key, std::string_view magic, std::string_view context,
            ByteView plain) {
  const ByteView start = as_bytes(magic);
  Bytes content(start.begin(), start.end());
  codec::seal(key, as_bytes(context), plain, content);
  return content;
}

}  // namespace

DigestTable::DigestTable(env::FileSystem& files, env::Path path, const codec::SecretKey& key)
    : files_(&files), path_(std::move(path)), key_(key), state_(std::make_unique<State>()) {}

DigestTable::~DigestTable() {
  if (!state_ || temporary_.empty()) return;
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
    if (!table.read_file_header()) return std::nullopt;
    table.read_changes();
    return table;
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool DigestTable::read_file_header() {
  Bytes start(kChunksOffset);
  read_fully(*file_, 0, start);
  if (!begins_with(start, kTableMagic)) return false;
  const Bytes plain = codec::open(key_, as_bytes(kTableContext),
                                  ByteView(start).subspan(kTableMagic.size()), "a digest table");
  ByteReader reader(plain, "a digest table");
  std::ranges::copy(reader.raw(kIdSize), id_.begin());
  header_ = read_header(reader);
  file_chunks_ = chunk_count(header_.page_count);
  return true;
}

// Without them, or with those of another table, this one stands for the snapshot it was written
// for, which is an older one.
void DigestTable::read_changes() {
  try {
    const Bytes content = env::read_file(*files_, changes_path());
    if (!begins_with(content, kChangesMagic)) return;
    const Bytes plain =
        codec::open(key_, as_bytes(kChangesContext),
                    ByteView(content).subspan(kChangesMagic.size()), "changes of a digest table");
    ByteReader reader(plain, "changes of a digest table");
    if (!std::ranges::equal(reader.raw(kIdSize), id_)) return;
    const Header header = read_header(reader);
    if (header.page_size != header_.page_size) return;
    Changes changes;
    std::uint32_t last = 0;
    while (!reader.at_end()) {
      const auto page = reader.number<std::uint32_t>();
      if (page <= last || page > header.page_count) return;
      last = page;
      codec::PageDigest digest;
      digest.low = reader.number<std::uint64_t>();
      digest.high = reader.number<std::uint64_t>();
      changes.emplace_hint(changes.end(), page, digest);
    }
    header_ = header;
    state_->changes = std::move(changes);
  } catch (const Error&) {
    return;
  }
}

DigestTable DigestTable::create(env::FileSystem& files, const env::Path& path,
                                const codec::SecretKey& key, std::uint32_t page_size) {
  DigestTable table(files, path, key);
  table.header_.page_size = page_size;
  table.create_file();
  table.state_->whole = true;
  return table;
}

DigestTable DigestTable::succeed(const DigestTable& base) {
  if (!base.published()) {
    throw Error(ErrorCode::kInternal, "a digest table needs a published one before it");
  }
  DigestTable table(*base.files_, base.path_, base.key_);
  table.header_.page_size = base.header_.page_size;
  table.file_ = base.file_;
  table.id_ = base.id_;
  table.file_chunks_ = base.file_chunks_;
  table.state_->changes = base.state_->changes;
  return table;
}

env::Path DigestTable::changes_path() const {
  env::Path path = path_;
  return path += ".changes";
}

void DigestTable::create_file() {
  ObjectId random;
  codec::random_bytes(random.bytes);
  files_->make_directories(path_.parent_path());
  const env::Path temporary =
      path_.parent_path() / fmt::format(".{}.{}", path_.filename().string(), random.short_hex());
  file_ = files_->create(temporary);
  temporary_ = temporary;
  codec::random_bytes(id_);
}

// With the mutex held: copies what the base has, and goes on in a file of its own.
void DigestTable::become_whole() {
  const auto base = file_;
  access([&] { create_file(); });
  const std::uint64_t last = state_->changes.empty() ? 0 : state_->changes.rbegin()->first;
  std::array<codec::PageDigest, kChunkPages> digests;
  for (std::uint64_t chunk = 0; chunk < std::max(file_chunks_, chunk_count(last)); ++chunk) {
    digests.fill({});
    try {
      if (chunk < file_chunks_) read_box(*base, chunk, digests);
    } catch (const Error& error) {
      // Its pages count as changed, and are noted before anybody reads them here.
      if (error.code() != ErrorCode::kDamagedObject) throw;
    }
    visit_changes(chunk,
                  [&](std::size_t slot, codec::PageDigest digest) { digests[slot] = digest; });
    write_box(*file_, chunk, digests);
  }
  state_->changes.clear();
  state_->whole = true;
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
    file_access();
  } catch (const Error& error) {
    state_->failed = state_->failed || error.code() != ErrorCode::kDamagedObject;
    throw;
  }
}

template <typename Visit>
void DigestTable::visit_changes(std::uint64_t chunk, const Visit& visit) const {
  const std::uint64_t first = chunk * kChunkPages + 1;
  for (auto at = state_->changes.lower_bound(static_cast<std::uint32_t>(first));
       at != state_->changes.end() && at->first < first + kChunkPages; ++at) {
    visit(at->first - first, at->second);
  }
}

void DigestTable::read_box(env::File& file, std::uint64_t chunk,
                           std::span<codec::PageDigest> out) const {
  thread_local Bytes box(kChunkBox);
  access([&] { read_fully(file, chunk_offset(chunk), box); });
  codec::open(key_, associated_data(chunk), box, std::as_writable_bytes(out), "a digest table");
}

void DigestTable::write_box(env::File& file, std::uint64_t chunk,
                            std::span<const codec::PageDigest> digests) const {
  thread_local Bytes box;
  box.clear();
  codec::seal(key_, associated_data(chunk), std::as_bytes(digests), box);
  access([&] { file.write_at(chunk_offset(chunk), box); });
}

void DigestTable::read_chunk(std::uint64_t chunk, std::span<codec::PageDigest> out) const {
  if (!state_->whole) {
    const std::shared_lock lock(state_->mutex);
    if (!state_->whole) {
      std::ranges::fill(out, codec::PageDigest{});
      if (chunk < file_chunks_) read_box(*file_, chunk, out);
      visit_changes(chunk, [&](std::size_t slot, codec::PageDigest digest) { out[slot] = digest; });
      return;
    }
  }
  read_box(*file_, chunk, out);
}

void DigestTable::write_chunk(std::uint64_t chunk, std::span<const codec::PageDigest> digests) {
  if (!state_->whole) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->whole) become_whole();
  }
  write_box(*file_, chunk, digests);
}

void DigestTable::change_chunk(std::uint64_t chunk, std::span<const codec::PageDigest> before,
                               std::span<const codec::PageDigest> digests) {
  if (!state_->whole) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->whole) {
      const auto first = static_cast<std::uint32_t>(chunk * kChunkPages + 1);
      for (std::uint32_t i = 0; i < kChunkPages; ++i) {
        if (before[i] != digests[i]) state_->changes[first + i] = digests[i];
      }
      if (state_->changes.size() > kMostChanges) become_whole();
      return;
    }
  }
  write_box(*file_, chunk, digests);
}

void DigestTable::publish(const Header& header) {
  if (header.series.size() != kSeriesSize || header.page_size != header_.page_size) {
    throw Error(ErrorCode::kInternal, "a digest table is published for another database");
  }
  if (state_->whole) {
    publish_file(header);
  } else {
    publish_changes(header);
  }
  header_ = header;
}

// Nothing is synced: after a power loss the boxes tell what did not reach the disk, and the table
// is made anew.
void DigestTable::publish_file(const Header& header) {
  ByteWriter plain;
  plain.raw(id_);
  write_header(plain, header);
  file_->write_at(0, boxed(key_, kTableMagic, kTableContext, plain.bytes()));
  files_->rename(temporary_, path_);
  temporary_.clear();
  file_chunks_ = chunk_count(header.page_count);
  if (files_->status(changes_path())) files_->remove(changes_path());
}

void DigestTable::publish_changes(const Header& header) const {
  ByteWriter plain;
  plain.raw(id_);
  write_header(plain, header);
  for (const auto& [page, digest] : state_->changes) {
    if (page > header.page_count) break;
    plain.number(page);
    plain.number(digest.low);
    plain.number(digest.high);
  }
  env::write_cache_file(*files_, changes_path(), [&](env::File& file) {
    file.write_at(0, boxed(key_, kChangesMagic, kChangesContext, plain.bytes()));
  });
}

env::Path digest_table_path(const repository::Repository& repository, const env::Path& cache,
                            std::string_view name, const env::Path& database) {
  std::array<std::byte, 16> file;
  codec::KeyedHash(repository.keys().cache, file.size())
      .add(as_bytes(name))
      .add(as_bytes(std::string_view("\0", 1)))
      .add(as_bytes(std::filesystem::weakly_canonical(database).string()))
      .finish(file);
  return cache / repository.config().id.hex() / "digests" / (to_hex(file) + ".digests");
}

}  // namespace holdfast::engine
