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

template <typename T>
void write_all(ByteWriter& out, const std::vector<T>& values) {
  out.number(std::uint64_t{values.size()});
  out.raw(std::as_bytes(std::span(values)));
}

template <typename T>
std::vector<T> read_all(ByteReader& in) {
  const auto count = in.number<std::uint64_t>();
  const ByteView bytes = in.raw(std::min<std::uint64_t>(count, in.remaining()) * sizeof(T));
  std::vector<T> values(bytes.size() / sizeof(T));
  std::ranges::copy(bytes, std::as_writable_bytes(std::span(values)).begin());
  return values;
}

ScanRecord parse(ByteView plain) {
  ByteReader in(plain, "a record of a scan");
  ScanRecord record;
  record.snapshot = SnapshotId::from_bytes(in.raw(SnapshotId::kSize));
  record.whole_reading.time = Time(Duration(in.number<std::int64_t>()));
  record.whole_reading.backups_since = in.number<std::uint32_t>();
  record.mark = sqlite::LogMark::parse(in);
  record.unit_sums = read_all<codec::PageDigest>(in);
  record.facts = read_all<sqlite::PageFacts>(in);
  in.expect_end();
  return record;
}

}  // namespace

std::optional<ScanRecord> ScanRecord::read(env::FileSystem& files, const env::Path& path,
                                           const codec::SecretKey& key) {
  try {
    if (!files.status(path)) return std::nullopt;
    const Bytes content = env::read_file(files, path);
    if (!as_text(content).starts_with(kRecordMagic)) return std::nullopt;
    return parse(codec::open(key, as_bytes(kRecordContext),
                             ByteView(content).subspan(kRecordMagic.size()), "a record of a scan"));
  } catch (const Error&) {
    return std::nullopt;
  }
}

void ScanRecord::write(env::FileSystem& files, const env::Path& path,
                       const codec::SecretKey& key) const {
  ByteWriter plain;
  plain.raw(snapshot.view());
  plain.number(std::int64_t{whole_reading.time.time_since_epoch().count()});
  plain.number(whole_reading.backups_since);
  plain.raw(mark.bytes());
  write_all(plain, unit_sums);
  write_all(plain, facts);
  const ByteView magic = as_bytes(kRecordMagic);
  Bytes content(magic.begin(), magic.end());
  codec::seal(key, as_bytes(kRecordContext), plain.bytes(), content);
  env::write_cache_file(files, path, content);
}

}  // namespace holdfast::engine
