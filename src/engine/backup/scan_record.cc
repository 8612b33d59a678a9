#include "engine/backup/scan_record.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/error.h"
#include "codec/aead.h"

namespace holdfast::engine {
namespace {

constexpr std::string_view kRecordMagic{"HFDS\x01\0\0\0", 8};
constexpr std::string_view kRecordContext = "holdfast scan record 1";
constexpr std::string_view kRecordName = "a record of a scan";
constexpr std::uint64_t kHeadOffset = kRecordMagic.size() + sizeof(std::uint64_t);
constexpr std::size_t kBoxedFacts = 1u << 16;

// The facts belong to this record, and stand where they stand in it.
Bytes facts_context(const SnapshotId& snapshot, std::uint64_t first) {
  ByteWriter context;
  context.raw(as_bytes("holdfast facts of pages"));
  context.raw(snapshot.view());
  context.number(first);
  return context.take();
}

Bytes read_part(env::File& file, std::uint64_t offset, std::uint64_t size) {
  if (size > file.size()) throw Error(ErrorCode::kDamagedObject, "a record of a scan is cut short");
  Bytes part(size);
  if (file.read_at(offset, part) != size) {
    throw Error(ErrorCode::kDamagedObject, "a record of a scan is cut short");
  }
  return part;
}

template <typename T>
void copy_to(ByteView bytes, std::vector<T>& values) {
  values.resize(bytes.size() / sizeof(T));
  std::ranges::copy(bytes.first(values.size() * sizeof(T)),
                    std::as_writable_bytes(std::span(values)).begin());
}

// Answers how many pages there are.
std::uint64_t parse_head(ByteView plain, ScanRecord& record) {
  ByteReader in(plain, kRecordName);
  record.snapshot = SnapshotId::from_bytes(in.raw(SnapshotId::kSize));
  record.whole_reading.time = Time(Duration(in.number<std::int64_t>()));
  record.whole_reading.backups_since = in.number<std::uint32_t>();
  record.mark = sqlite::LogMark::parse(in);
  const auto pages = in.number<std::uint64_t>();
  copy_to(in.raw(in.remaining()), record.unit_sums);
  return pages;
}

Bytes head_of(const ScanRecord& record) {
  ByteWriter plain;
  plain.raw(record.snapshot.view());
  plain.number(std::int64_t{record.whole_reading.time.time_since_epoch().count()});
  plain.number(record.whole_reading.backups_since);
  plain.raw(record.mark.bytes());
  plain.number(std::uint64_t{record.facts.size()});
  plain.raw(std::as_bytes(std::span(record.unit_sums)));
  return plain.take();
}

}  // namespace

std::optional<ScanRecord> ScanRecord::read(env::FileSystem& files, const env::Path& path,
                                           const codec::SecretKey& key) {
  try {
    if (!files.status(path)) return std::nullopt;
    const auto file = files.open_read(path);
    const Bytes start = read_part(*file, 0, kHeadOffset);
    if (!as_text(start).starts_with(kRecordMagic)) return std::nullopt;
    const auto head_size = load<std::uint64_t>(start.data() + kRecordMagic.size());
    ScanRecord record;
    const std::uint64_t pages =
        parse_head(codec::open(key, as_bytes(kRecordContext),
                               read_part(*file, kHeadOffset, head_size), kRecordName),
                   record);
    if (pages != record.mark.geometry.page_count) return std::nullopt;
    record.facts.resize(pages);
    std::uint64_t offset = kHeadOffset + head_size;
    for (std::uint64_t first = 0; first < pages; first += kBoxedFacts) {
      const auto facts = std::span(record.facts)
                             .subspan(first)
                             .first(std::min<std::uint64_t>(kBoxedFacts, pages - first));
      const Bytes box = read_part(*file, offset, facts.size_bytes() + codec::kBoxOverhead);
      codec::open(key, facts_context(record.snapshot, first), box, std::as_writable_bytes(facts),
                  kRecordName);
      offset += box.size();
    }
    return record;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void ScanRecord::write(env::FileSystem& files, const env::Path& path,
                       const codec::SecretKey& key) const {
  Bytes head;
  codec::seal(key, as_bytes(kRecordContext), head_of(*this), head);
  ByteWriter start;
  start.raw(as_bytes(kRecordMagic));
  start.number(std::uint64_t{head.size()});
  start.raw(head);
  env::write_cache_file(files, path, [&](env::File& file) {
    file.write_at(0, start.bytes());
    std::uint64_t offset = start.size();
    for (std::uint64_t first = 0; first < facts.size(); first += kBoxedFacts) {
      const auto part = std::span(facts).subspan(first).first(
          std::min<std::uint64_t>(kBoxedFacts, facts.size() - first));
      Bytes box;
      codec::seal(key, facts_context(snapshot, first), std::as_bytes(part), box);
      file.write_at(offset, box);
      offset += box.size();
    }
  });
}

}  // namespace holdfast::engine
