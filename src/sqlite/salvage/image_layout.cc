#include "sqlite/salvage/image_layout.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "sqlite/file_header.h"
#include "sqlite/salvage/damaged_page.h"
#include "sqlite/salvage/stored_record.h"

namespace holdfast::sqlite {
namespace {

constexpr std::uint32_t kSmallestPage = 512, kLargestPage = 65536, kLeastUsable = 480;
constexpr std::uint64_t kMostWindows = 128;
constexpr std::uint32_t kMostReserved = 255;

struct TextVotes {
  std::uint64_t utf8 = 0, little = 0, big = 0;

  void add(ByteView text) {
    if (text.size() < 4) return;
    const auto zeros_at = [&](std::size_t first) {
      for (std::size_t i = first; i < text.size(); i += 2) {
        if (text[i] != std::byte{0}) return false;
      }
      return text.size() % 2 == 0;
    };
    ++(zeros_at(1) ? little : zeros_at(0) ? big : utf8);
  }
  TextEncoding winner() const {
    if (little > utf8 && little >= big) return TextEncoding::kUtf16LittleEndian;
    return big > utf8 ? TextEncoding::kUtf16BigEndian : TextEncoding::kUtf8;
  }
};

struct Sample {
  std::uint64_t intact_bytes = 0;
  std::size_t furthest = 0;  // in a page, that any cell reaches
  TextVotes texts;
};

// Where the cells of an intact page end, which is mostly where its reserved bytes begin; empty for
// everything else.
std::optional<std::size_t> end_of_cells(const DamagedPage& page, TextVotes& texts) {
  if (page.cells() == 0) return std::nullopt;
  std::vector<StoredValue> values;
  std::size_t end = 0;
  for (std::size_t i = 0; i < page.cells(); ++i) {
    const auto cell = page.cell(i);
    if (!cell) return std::nullopt;
    end = std::max(end, cell->start + cell->bytes);
    if (page.type() == BtreePageType::kTableInterior || cell->overflow != 0) continue;
    if (!decode_record(cell->local, cell->size, values)) return std::nullopt;
    for (const StoredValue& value : values) {
      if (value.kind == StoredValue::Kind::kText) texts.add(value.bytes);
    }
  }
  return end;
}

void look_at(ByteView window, std::uint64_t offset, std::uint32_t page_size, Sample& sample) {
  for (std::size_t at = 0; at + page_size <= window.size(); at += page_size) {
    const DamagedPage page(offset + at == 0 ? 1 : 2, window.subspan(at, page_size), page_size);
    if (page.type() == BtreePageType::kNone) continue;
    TextVotes texts = sample.texts;
    const auto end = end_of_cells(page, texts);
    // A page of half the size would look like one of this size, but for its second half.
    if (!end || *end <= page_size / 2) continue;
    sample.intact_bytes += page_size;
    sample.furthest = std::max(sample.furthest, *end);
    sample.texts = texts;
  }
}

Sample sample_pages(const ReadBytes& file, std::uint64_t size, std::uint32_t page_size) {
  Sample sample;
  const std::uint64_t windows = (size + kLargestPage - 1) / kLargestPage;
  const std::uint64_t wanted = std::min(windows, kMostWindows);
  Bytes buffer(kLargestPage);
  for (std::uint64_t i = 0; i < wanted; ++i) {
    const std::uint64_t offset = windows * i / wanted * kLargestPage;
    const std::size_t got = file(offset, buffer);
    look_at(ByteView(buffer).first(got), offset, page_size, sample);
  }
  return sample;
}

}  // namespace

std::string_view encoding_name(TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::kUtf16LittleEndian:
      return "UTF-16le";
    case TextEncoding::kUtf16BigEndian:
      return "UTF-16be";
    case TextEncoding::kUtf8:
      break;
  }
  return "UTF-8";
}

ImageLayout layout_from_header(ByteView bytes) {
  if (bytes.size() < kFileHeaderSize) return {};
  const FileHeader header = FileHeader::parse(bytes);
  const std::byte* at = bytes.data();
  const bool fractions =
      at[21] == std::byte{64} && at[22] == std::byte{32} && at[23] == std::byte{32};
  if (!header.has_magic || header.page_size == 0 || !fractions ||
      header.reserved_bytes + kLeastUsable > header.page_size) {
    return {};
  }
  return {.page_size = header.page_size,
          .reserved = header.reserved_bytes,
          .encoding = header.encoding,
          .from_header = true,
          .auto_vacuum = load_be32(at + 52) != 0,
          .incremental_vacuum = load_be32(at + 64) != 0,
          .first_freelist_trunk = header.first_freelist_trunk,
          .freelist_pages = header.freelist_pages,
          .user_version = load_be32(at + 60),
          .application_id = load_be32(at + 68)};
}

ImageLayout layout_from_pages(const ReadBytes& file, std::uint64_t size, std::uint32_t page_size) {
  ImageLayout layout;
  Sample best;
  for (std::uint32_t tried = kSmallestPage; tried <= kLargestPage; tried *= 2) {
    if (page_size != 0 && tried != page_size) continue;
    const Sample sample = sample_pages(file, size, tried);
    if (sample.intact_bytes <= best.intact_bytes) continue;
    best = sample;
    layout.page_size = tried;
  }
  if (page_size != 0) layout.page_size = page_size;
  if (layout.page_size == 0) return layout;
  const std::size_t gap = layout.page_size - best.furthest;
  if (best.furthest != 0 && gap <= kMostReserved && gap + kLeastUsable <= layout.page_size) {
    layout.reserved = static_cast<std::uint32_t>(gap);
  }
  layout.encoding = best.texts.winner();
  return layout;
}

}  // namespace holdfast::sqlite
