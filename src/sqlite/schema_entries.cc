#include "sqlite/schema_entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "sqlite/file_header.h"
#include "sqlite/record.h"

namespace holdfast::sqlite {
namespace {

constexpr std::size_t kLeafHeaderSize = 8;
constexpr std::size_t kType = 0, kName = 1, kRoot = 3;

// Reads the payload of a cell of a table leaf, of which only the beginning may stand in the page
// (https://sqlite.org/fileformat2.html, section 1.6).
class CellReader {
 public:
  CellReader(PageSource& source, std::uint32_t usable_size)
      : source_(source), usable_(usable_size) {}

  // The first bytes of the payload, as many as the schema's leading columns can need.
  Bytes payload(ByteView page, std::size_t cell) const {
    RecordReader reader(page.first(usable_).subspan(cell));
    const std::uint64_t size = reader.varint();
    reader.varint();  // the row id
    const std::uint64_t local = local_size(size);
    const ByteView in_page = reader.raw(local);
    Bytes bytes(in_page.begin(), in_page.end());
    if (local < size) append_overflow(bytes, load_be32(reader.raw(4).data()), size);
    return bytes;
  }

 private:
  // Names longer than this make no entry that could be told apart from damage.
  static constexpr std::size_t kMostBytes = 65536;

  std::uint64_t local_size(std::uint64_t size) const {
    const std::uint64_t most = usable_ - 35, least = (usable_ - 12) * 32 / 255 - 23;
    if (size <= most) return size;
    const std::uint64_t fitting = least + (size - least) % (usable_ - 4);
    return fitting <= most ? fitting : least;
  }
  void append_overflow(Bytes& bytes, PageNumber page, std::uint64_t size) const {
    const auto [page_size, page_count] = source_.geometry();
    Bytes content(page_size);
    while (bytes.size() < std::min<std::uint64_t>(size, kMostBytes)) {
      if (page == 0 || page > page_count) {
        throw Error(ErrorCode::kDatabaseDamaged, fmt::format("page {} does not exist", page));
      }
      source_.read(page, content);
      const auto wanted = std::min<std::uint64_t>(size - bytes.size(), usable_ - 4);
      bytes.insert(bytes.end(), content.begin() + 4,
                   content.begin() + 4 + static_cast<std::ptrdiff_t>(wanted));
      page = load_be32(content.data());
    }
  }

  PageSource& source_;
  std::uint32_t usable_;
};

}  // namespace

std::vector<SchemaEntry> read_schema_entries(PageSource& source,
                                             const std::vector<PageNumber>& leaves,
                                             std::vector<std::string>& problems) {
  const std::uint32_t page_size = source.geometry().page_size;
  Bytes page(page_size);
  source.read(1, page);
  const FileHeader header = FileHeader::parse(page);
  const CellReader reader(source, page_size - header.reserved_bytes);
  std::vector<SchemaEntry> entries;
  for (const PageNumber leaf : leaves) {
    source.read(leaf, page);
    const std::size_t start = leaf == 1 ? kFileHeaderSize : 0;
    const std::size_t cells = load_be16(page.data() + start + 3);
    for (std::size_t i = 0; i < cells; ++i) {
      try {
        const std::size_t pointer = start + kLeafHeaderSize + 2 * i;
        const std::size_t cell = load_be16(
            RecordReader(ByteView(page).subspan(std::min(pointer, page.size()))).raw(2).data());
        const Bytes payload =
            reader.payload(page, std::min<std::size_t>(cell, page_size - header.reserved_bytes));
        const Record record(payload, kRoot + 1, header.encoding);
        entries.push_back({.type = record.text(kType),
                           .name = record.text(kName),
                           .root = record.integer(kRoot)});
      } catch (const Error& error) {
        problems.push_back(fmt::format("entry {} in page {} of the schema cannot be read: {}", i,
                                       leaf, error.happened()));
        break;
      }
    }
  }
  return entries;
}

}  // namespace holdfast::sqlite
