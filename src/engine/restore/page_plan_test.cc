#include "engine/restore/page_plan.h"

#include <algorithm>
#include <set>

#include "engine/test_protection.h"
#include "repository/index.h"

namespace holdfast::engine {
namespace {

// Some thousand pages, of which now and then a few are changed.
class PagePlanTest : public testing::Test {
 protected:
  PagePlanTest() {
    at.sql("CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB);" + rows_sql(3000, 3000));
    snapshot = at.back_up().snapshot;
  }
  // One row a page of every `step`.
  void change(int step) {
    at.sql("UPDATE record SET body = randomblob(3000) WHERE id % " + std::to_string(step) + " = 1");
    snapshot = at.back_up().snapshot;
    image = image_of(at.database());
  }
  PagePlan plan(const NewerPages& newer = {}) {
    loaded = repository::load_index(at.repository);
    const repository::BlobReader reader(at.repository, loaded.index);
    const repository::DatabaseState& state = *snapshot.database(Protection::kName);
    return {reader, state, state.page_count, newer, hasher, 2};
  }
  // How many pages are in a piece, loose, or in a gap that closes, if each is in just one of them.
  std::uint64_t covered(const PagePlan& plan) const {
    std::set<std::uint32_t> pages(plan.loose().begin(), plan.loose().end());
    std::uint64_t count = plan.loose().size();
    for (std::size_t blob = 0; blob < plan.blobs(); ++blob) {
      const std::span pieces = plan.pieces(blob);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        const bool joined = i > 0 && plan.joins(pieces[i - 1], pieces[i]);
        const std::uint32_t first = joined ? pieces[i - 1].end() : pieces[i].first;
        for (std::uint32_t page = first; page < pieces[i].end(); ++page, ++count) {
          pages.insert(page);
        }
      }
    }
    EXPECT_EQ(pages.size(), count) << "a page is written twice";
    return count;
  }
  std::uint64_t runs(const PagePlan& plan) const {
    std::uint64_t count = plan.loose().size();
    for (std::size_t blob = 0; blob < plan.blobs(); ++blob) {
      const std::span pieces = plan.pieces(blob);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (i == 0 || !plan.joins(pieces[i - 1], pieces[i])) ++count;
      }
    }
    return count;
  }

  Protection at;
  repository::Snapshot snapshot;
  std::string image;
  repository::LoadedIndex loaded;
  codec::PageHasher hasher{at.repository.keys().pages};
};

TEST_F(PagePlanTest, LeavesAFirstSnapshotAsItIs) {
  const PagePlan first = plan();
  EXPECT_TRUE(first.loose().empty());
  EXPECT_EQ(covered(first), snapshot.database(Protection::kName)->page_count);
}

TEST_F(PagePlanTest, ClosesTheGapsThatScatteredChangesLeave) {
  const std::uint64_t before = runs(plan());
  change(50);
  const PagePlan changed = plan();
  EXPECT_EQ(covered(changed), snapshot.database(Protection::kName)->page_count);
  EXPECT_LE(runs(changed), before + 15) << "of 60 changed pages";
  at.expect_restored(snapshot, image);
}

TEST_F(PagePlanTest, ClosesGapsAfterManySmallBackups) {
  for (const int step : {50, 61, 73, 50}) change(step);
  const PagePlan changed = plan();
  EXPECT_EQ(covered(changed), snapshot.database(Protection::kName)->page_count);
  EXPECT_LE(changed.loose().size(), 30);
  at.expect_restored(snapshot, image);
}

TEST_F(PagePlanTest, TakesWhatIsNewerFromTheCaller) {
  change(50);
  const auto pages = static_cast<std::uint32_t>(snapshot.database(Protection::kName)->page_count);
  const Bytes content(4096, std::byte{1});
  const PagePlan newer =
      plan({{40, content}, {41, content}, {pages, content}, {pages + 1, content}});
  EXPECT_EQ(covered(newer), pages);
  for (std::size_t blob = 0; blob < newer.blobs(); ++blob) {
    for (const Piece& piece : newer.pieces(blob)) {
      EXPECT_FALSE(piece.first <= 41 && piece.end() > 40);
      EXPECT_LE(piece.end(), pages);
    }
  }
  EXPECT_EQ(newer.at_hand(40).data(), content.data());
  EXPECT_TRUE(std::ranges::find(newer.loose(), pages + 1) == newer.loose().end());
}

TEST_F(PagePlanTest, KeepsNoMoreThanItMayInMemory) {
  // Every page alone in its blob's neighbourhood, and more of them than 16 MB.
  at.sql(rows_sql(12000, 3000));
  at.back_up();
  change(2);
  const PagePlan changed = plan();
  EXPECT_EQ(covered(changed), snapshot.database(Protection::kName)->page_count);
  std::uint64_t in_blobs = 0;
  for (std::size_t blob = 0; blob < changed.blobs(); ++blob) {
    for (const Piece& piece : changed.pieces(blob)) in_blobs += piece.count;
  }
  const std::uint64_t at_hand = snapshot.database(Protection::kName)->page_count - in_blobs;
  EXPECT_LE(at_hand * 4096, 16u << 20);
  EXPECT_GT(at_hand * 4096, 14u << 20);
  at.expect_restored(snapshot, image);
}

}  // namespace
}  // namespace holdfast::engine
