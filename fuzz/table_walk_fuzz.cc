// A database's own structure, damaged in any way: the walk through it ends, throws nothing, and
// counts no page twice.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sqlite/btree_walk.h"
#include "sqlite/page_facts.h"
#include "sqlite/page_source.h"
#include "sqlite/schema_entries.h"

namespace {

using namespace holdfast;
using namespace holdfast::sqlite;

// The input as a database, filled up to whole pages.
class ImageSource final : public PageSource {
 public:
  ImageSource(ByteView image, std::uint32_t page_size) : image_(image.begin(), image.end()) {
    const std::size_t pages = std::max<std::size_t>(1, (image.size() + page_size - 1) / page_size);
    image_.resize(pages * page_size);
    geometry_ = {page_size, static_cast<PageNumber>(pages)};
  }
  Change advance() override { return {}; }
  void release() override {}
  bool is_intact() override { return true; }
  bool is_newest() override { return true; }
  Geometry geometry() const override { return geometry_; }
  void read(PageNumber first, MutableByteView out) override {
    const std::size_t offset = (first - std::size_t{1}) * geometry_.page_size;
    if (first == 0 || offset + out.size() > image_.size()) std::abort();
    std::copy_n(image_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  }
  sqlite3* connection() override { return nullptr; }
  JournalMode journal_mode() const override { return JournalMode::kRollback; }
  const std::string& damage() const override { return damage_; }

  std::vector<PageFacts> facts() const {
    std::vector<PageFacts> facts;
    for (PageNumber page = 1; page <= geometry_.page_count; ++page) {
      facts.push_back(
          facts_of(page, ByteView(image_).subspan((page - std::size_t{1}) * geometry_.page_size,
                                                  geometry_.page_size)));
    }
    return facts;
  }

 private:
  Bytes image_;
  Geometry geometry_;
  std::string damage_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ImageSource source(std::as_bytes(std::span(data, size)), 512);
  const std::vector<PageFacts> facts = source.facts();
  std::vector<std::string> problems;
  BtreeWalk walk(source, facts, problems);
  std::vector<PageNumber> leaves;
  walk.entries_below(1, "the schema", &leaves);
  if (leaves.size() > source.geometry().page_count) std::abort();
  for (const SchemaEntry& entry : read_schema_entries(source, leaves, problems)) {
    if (entry.root != 0) walk.entries_below(entry.root, entry.name);
  }
  walk.check_freelist();
  if (problems.size() > 2 * BtreeWalk::kMostProblems) std::abort();
  return 0;
}
