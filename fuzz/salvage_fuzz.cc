// A damaged database, salvaged page by page: reading ends, reads nothing out of bounds, hands out
// each row once, and never more bytes than a few times the file.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "base/error.h"
#include "sqlite/salvage/damaged_image.h"
#include "sqlite/salvage/orphan_match.h"
#include "sqlite/salvage/page_census.h"
#include "sqlite/salvage/row_reader.h"
#include "sqlite/salvage/surviving_schema.h"

namespace {

using namespace holdfast;
using namespace holdfast::sqlite;

constexpr std::uint64_t kMostTimes =
    2 * PageCensus::kMostOwners + 1;  // each page as a page of rows, and by broken chains

class Reading {
 public:
  explicit Reading(const DamagedImage& image)
      : image_(image), census_(image, no_progress()), reader_(image, census_) {
    census_.claim_pointer_maps();
  }

  void run() {
    const SurvivingSchema schema = read_surviving_schema(image_, census_, reader_);
    std::vector<SurvivingTree> trees;
    for (const SchemaItem& item : schema.items) {
      trees.push_back(census_.walk(item.root, item.is_table()));
    }
    const bool all_free_are_known = census_.claim_free_pages();
    for (const SurvivingTree& tree : trees) read(tree);
    StoredShape shape;
    shape.columns.resize(3);
    std::vector<DamagedTree> damaged;
    for (const SurvivingTree& tree : trees) damaged.push_back({&tree, &shape});
    OrphanMatch match(census_, reader_, damaged, all_free_are_known);
    for (const bool free : {false, true}) {
      for (const SurvivingTree& orphan : census_.take_orphans(free)) {
        const auto owner = match.owner_of(orphan);
        if (owner && *owner >= damaged.size()) std::abort();
        read(orphan);
      }
    }
    const std::uint64_t file = std::uint64_t{image_.page_count()} * image_.layout().page_size;
    if (bytes_ > kMostTimes * file ||
        pages_ > PageCensus::kMostOwners * std::uint64_t{image_.page_count()})
      std::abort();
  }

 private:
  void read(const SurvivingTree& tree) {
    for (const PageNumber page : tree.pages) {
      ++pages_;
      reader_.read(page, [&](const StoredRow& row) {
        if (row.payload.size() > row.size) std::abort();
        std::size_t width = 0;
        for (const StoredValue& value : row.values) {
          width += value.width;
          for (const std::byte byte : value.bytes) sum_ += std::to_integer<unsigned>(byte);
        }
        if (width > row.payload.size()) std::abort();
        bytes_ += row.payload.size();
      });
    }
  }

  const DamagedImage& image_;
  PageCensus census_;
  RowReader reader_;
  std::uint64_t bytes_ = 0, pages_ = 0;
  volatile unsigned sum_ = 0;  // so that every byte is read
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView file = std::as_bytes(std::span(data, size));
  const ReadBytes read = [file](std::uint64_t offset, MutableByteView out) -> std::size_t {
    if (offset >= file.size()) return 0;
    const std::size_t count = std::min<std::size_t>(out.size(), file.size() - offset);
    std::memcpy(out.data(), file.data() + offset, count);
    return count;
  };
  try {
    const DamagedImage image(read, size, LogOverlay());
    Reading(image).run();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotADatabase) std::abort();
  }
  return 0;
}
