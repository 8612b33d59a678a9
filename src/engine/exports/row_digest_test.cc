#include "engine/exports/row_digest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::engine {
namespace {

class RowDigesterTest : public testing::Test {
 protected:
  codec::PageDigest digest(const std::vector<std::vector<Value>>& rows) {
    for (const auto& row : rows) {
      std::vector<Cell> cells;
      for (const Value& value : row) cells.push_back(cell_of(value));
      digester.add(cells);
    }
    return digester.finish();
  }

  RowDigester digester{codec::SecretKey::random()};
};

TEST_F(RowDigesterTest, TellsRowsApartThatDifferInAnything) {
  const std::string text = "text";
  const Bytes blob(text.size(), std::byte{'t'});
  const std::vector<std::vector<std::vector<Value>>> all = {
      {},
      {{std::monostate()}},
      {{std::int64_t{0}}},
      {{0.0}},
      {{-0.0}},
      {{std::string()}},
      {{Bytes()}},
      {{std::string(1, '\0')}},
      {{std::string(2, '\0')}},
      {{text}},
      {{Bytes(4, std::byte{'t'})}},
      {{text, text}},
      {{text}, {text}, {text}},
      {{std::string("tex"), std::string("ttext")}},
      {{std::string(200'000, 'x')}},
      {{std::string(200'001, 'x')}},
      {{std::string(199'999, 'x') + "y"}},
      {{"y" + std::string(199'999, 'x')}},
  };
  std::vector<codec::PageDigest> digests;
  for (const auto& rows : all) {
    const codec::PageDigest found = digest(rows);
    for (const codec::PageDigest& other : digests) EXPECT_NE(found, other);
    EXPECT_EQ(found, digest(rows));
    digests.push_back(found);
  }
}

// Around the sizes at which a chunk is just full.
TEST_F(RowDigesterTest, TellsEveryLengthApart) {
  std::vector<codec::PageDigest> digests;
  for (std::size_t size = 65'200; size < 65'800; ++size) {
    const codec::PageDigest found = digest({{std::string(size, '\0')}});
    ASSERT_TRUE(digests.empty() || found != digests.back()) << size;
    EXPECT_EQ(found, digest({{std::string(size, '\0')}}));
    digests.push_back(found);
  }
}

}  // namespace
}  // namespace holdfast::engine
