// Two databases of which anything may be damaged: finding where they differ by their pages ends,
// reads nothing out of bounds, and answers ranges in order and apart from each other.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/error.h"
#include "sqlite/btree_walk.h"
#include "sqlite/page_facts.h"
#include "sqlite/page_source.h"
#include "sqlite/schema_entries.h"
#include "sqlite/tree_difference.h"

namespace {

using namespace holdfast;
using namespace holdfast::sqlite;

constexpr std::uint32_t kPageSize = 512;
constexpr std::size_t kEditSize = 3, kEdits = 5;  // offset (u16) and what is there instead

// Bytes as a database, filled up to whole pages.
class ImageSource final : public PageSource {
 public:
  explicit ImageSource(Bytes image) : image_(std::move(image)) {
    const std::size_t pages = std::max<std::size_t>(1, (image_.size() + kPageSize - 1) / kPageSize);
    image_.resize(pages * kPageSize);
    geometry_ = {kPageSize, static_cast<PageNumber>(pages)};
  }
  Change advance() override { return {}; }
  void release() override {}
  bool is_intact() override { return true; }
  bool is_newest() override { return true; }
  Geometry geometry() const override { return geometry_; }
  void read(PageNumber first, MutableByteView out) override {
    const std::size_t offset = (first - std::size_t{1}) * kPageSize;
    if (first == 0 || offset + out.size() > image_.size()) std::abort();
    std::copy_n(image_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }
  sqlite3* connection() override { return nullptr; }
  JournalMode journal_mode() const override { return JournalMode::kRollback; }
  const std::string& damage() const override { return damage_; }

  std::vector<SchemaEntry> schema() {
    std::vector<PageFacts> facts;
    for (PageNumber page = 1; page <= geometry_.page_count; ++page) {
      facts.push_back(
          facts_of(page, ByteView(image_).subspan((page - std::size_t{1}) * kPageSize, kPageSize)));
    }
    std::vector<std::string> problems;
    BtreeWalk walk(*this, facts, problems);
    std::vector<PageNumber> leaves;
    walk.entries_below(1, "the schema", &leaves);
    return read_schema_entries(*this, leaves, problems);
  }

 private:
  Bytes image_;
  Geometry geometry_;
  std::string damage_;
};

void check_ranges(const Tree& before, const Tree& after, const PageDifference& pages,
                  bool must_be_none) {
  std::optional<std::int64_t> last;
  try {
    visit_different_ranges(before, after, pages, [&](const RowidRange& range) {
      if (must_be_none || range.first > range.last || (last && range.first <= *last)) std::abort();
      last = range.last;
    });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDatabaseDamaged) std::abort();
  }
}

void compare(ImageSource& before, ImageSource& after, bool are_equal) {
  const auto pages = PageDifference::between(before, after, 1, no_progress());
  if (!pages) return;
  for (const SchemaEntry& entry : before.schema()) {
    if (entry.root == 0) continue;
    const auto root = static_cast<PageNumber>(entry.root);
    const Tree one{before, root}, other{after, root};
    check_ranges(one, other, *pages, are_equal);
    try {
      const bool same = is_same_tree(one, other, *pages);
      if (are_equal && !same) std::abort();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDatabaseDamaged) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  if (size < kEdits * kEditSize) return 0;
  const ByteView image = input.subspan(kEdits * kEditSize);
  Bytes edited(image.begin(), image.end());
  for (std::size_t i = 0; i < kEdits; ++i) {
    const std::byte* edit = input.data() + i * kEditSize;
    const std::size_t offset = load<std::uint16_t>(edit);
    if (offset >= edited.size()) edited.resize(offset + 1);
    edited[offset] = edit[2];
  }
  ImageSource before(Bytes(image.begin(), image.end())), same(Bytes(image.begin(), image.end()));
  ImageSource after(std::move(edited));
  compare(before, same, true);
  compare(before, after, false);
  compare(after, before, false);
  return 0;
}
