// A local table of page digests: as anybody can write it, and as somebody with the key would.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "codec/aead.h"
#include "engine/backup/digest_table.h"
#include "env/temporary_directory.h"

namespace {

using holdfast::Bytes;
using holdfast::ByteView;
using holdfast::codec::SecretKey;
using holdfast::engine::DigestTable;
using holdfast::engine::kChunkPages;

constexpr std::string_view kMagic{"HFDT\x02\0\0\0", 8}, kChanges{"HFDC\x01\0\0\0", 8};

void write(const holdfast::env::Path& path, ByteView content) {
  auto& files = holdfast::env::posix_file_system();
  const auto file = files.status(path) ? files.open_write(path) : files.create(path);
  file->truncate(0);
  file->write_at(0, content);
}

void read_all(const std::optional<DigestTable>& table) {
  if (!table) return;
  std::vector<holdfast::codec::PageDigest> digests(kChunkPages);
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
    try {
      table->read_chunk(chunk, digests);
    } catch (const holdfast::Error& error) {
      if (error.code() != holdfast::ErrorCode::kDamagedObject) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holdfast::env::TemporaryDirectory directory;
  const holdfast::env::Path path = directory / "table";
  const ByteView input = std::as_bytes(std::span(data, size));
  const SecretKey key;
  auto& files = holdfast::env::posix_file_system();
  write(path, input);
  if (DigestTable::open(files, path, key)) std::abort();

  // An authentic header that says anything, and chunks of any length.
  const ByteView magic = holdfast::as_bytes(kMagic);
  Bytes forged(magic.begin(), magic.end());
  const std::size_t header = std::min<std::size_t>(size, 76);
  holdfast::codec::seal(key, holdfast::as_bytes("holdfast digest table 2"), input.first(header),
                        forged);
  forged.insert(forged.end(), input.begin(), input.end());
  write(path, forged);
  read_all(DigestTable::open(files, path, key));

  // And changes of such a table, which say anything too.
  const ByteView changes_magic = holdfast::as_bytes(kChanges);
  Bytes changes(changes_magic.begin(), changes_magic.end());
  holdfast::codec::seal(key, holdfast::as_bytes("holdfast digest changes 1"), input, changes);
  write(directory / "table.changes", changes);
  read_all(DigestTable::open(files, path, key));
  write(directory / "table.changes", input);
  return 0;
}
