#include "sqlite/file_header.h"

#include <bit>
#include <cstring>

namespace holdfast::sqlite {

FileHeader FileHeader::parse(ByteView bytes) {
  constexpr char kMagic[] = "SQLite format 3";  // with its terminating zero
  const std::byte* at = bytes.data();
  FileHeader header;
  header.has_magic = std::memcmp(at, kMagic, sizeof kMagic) == 0;
  const std::uint32_t stored_size = load_be16(at + 16);
  const std::uint32_t page_size = stored_size == 1 ? 65536 : stored_size;
  if (page_size >= 512 && std::has_single_bit(page_size)) header.page_size = page_size;
  header.says_wal = at[18] == std::byte{2} || at[19] == std::byte{2};
  header.change_counter = load_be32(at + 24);
  const std::uint32_t valid_for = load_be32(at + 92);
  if (valid_for == header.change_counter) header.page_count = load_be32(at + 28);
  header.reserved_bytes = std::to_integer<std::uint32_t>(at[20]);
  const std::uint32_t encoding = load_be32(at + 56);
  if (encoding == 2 || encoding == 3) header.encoding = static_cast<TextEncoding>(encoding);
  header.first_freelist_trunk = load_be32(at + 32);
  header.freelist_pages = load_be32(at + 36);
  return header;
}

}  // namespace holdfast::sqlite
