#include "repository/index_memory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "repository/index_merge.h"
#include "repository/prune.h"
#include "repository/test_history.h"
#include "storage/store_decorator.h"

namespace holdfast::repository {
namespace {

// Counts what is read below index/, and does something before the first of it.
class IndexReads final : public storage::StoreDecorator {
 public:
  using StoreDecorator::StoreDecorator;
  Bytes get(std::string_view name) override {
    if (name.starts_with("index/")) {
      ++count_;
      if (const auto action = std::exchange(before_, nullptr)) action();
    }
    return StoreDecorator::get(name);
  }
  void before_next(std::function<void()> action) { before_ = std::move(action); }
  int take() { return count_.exchange(0); }

 private:
  std::atomic<int> count_ = 0;
  std::function<void()> before_;
};

Numbers numbers_of(std::uint32_t i) { return numbered(100 * i, 8); }

// Two processes: one that remembers, and another one.
class IndexMemoryTest : public testing::Test {
 protected:
  IndexMemoryTest() {
    for (std::uint32_t i = 0; i < 3; ++i) back_up_elsewhere(i);
  }
  void back_up_elsewhere(std::uint32_t i) {
    snapshots.push_back(back_up(at.repository, numbers_of(i), i + 1));
  }
  void expect_all_restored() {
    for (std::uint32_t i = 0; i < snapshots.size(); ++i) {
      EXPECT_EQ(restored(repository, snapshots[i]), content_of(numbers_of(i)));
    }
  }
  HistoryRepository at;
  IndexReads reads{at.store};
  Repository repository = Repository::open(reads, at.clock, std::nullopt);
  std::vector<Snapshot> snapshots;
};

TEST_F(IndexMemoryTest, ReadsEachObjectOnce) {
  const KeptIndex kept(repository);
  load_index(repository);
  EXPECT_EQ(reads.take(), 3);
  back_up_elsewhere(3);
  EXPECT_EQ(load_index(Repository(repository)).objects.size(), 4);
  EXPECT_EQ(reads.take(), 1);
  load_index(repository);
  EXPECT_EQ(reads.take(), 0);
}

TEST_F(IndexMemoryTest, ReadsEverythingAgainWhenToldTo) {
  const KeptIndex kept(repository);
  load_index(repository);
  flip_bit(at.store, names_below(at.store, "index/").front(), 20);
  EXPECT_TRUE(load_index(repository).unreadable.empty());
  EXPECT_EQ(load_index(repository, {.anew = true}).unreadable.size(), 1);
}

TEST_F(IndexMemoryTest, RemembersNothingUnlessItIsKept) {
  {
    const KeptIndex kept(repository);
  }
  load_index(repository);
  load_index(repository);
  EXPECT_EQ(reads.take(), 6);
}

TEST_F(IndexMemoryTest, RemembersUntilTheLastOneLetsGo) {
  {
    const KeptIndex kept(repository);
    {
      const KeptIndex also(repository);
      load_index(repository);
    }
    reads.take();
    load_index(repository);
    EXPECT_EQ(reads.take(), 0);
  }
  load_index(repository);
  EXPECT_EQ(reads.take(), 3);
}

TEST_F(IndexMemoryTest, BelievesTheListingAboutWhatCounts) {
  const KeptIndex kept(repository);
  load_index(repository);
  remove_snapshot(at.repository, snapshots.back());
  snapshots.pop_back();
  EXPECT_EQ(prune(at.repository, {}, no_progress()).packs_removed, 1);
  const LoadedIndex loaded = load_index(repository);
  EXPECT_EQ(loaded.objects.size(), 1);
  EXPECT_EQ(loaded.index.packs().size(), 2);
  EXPECT_TRUE(loaded.lost_packs.empty());
  expect_all_restored();
}

TEST_F(IndexMemoryTest, NoticesPacksThatAreLost) {
  const KeptIndex kept(repository);
  load_index(repository);
  const std::string pack = names_below(at.store, "packs/").front();
  at.store.remove(pack);
  EXPECT_EQ(load_index(repository).lost_packs.size(), 1);
}

TEST_F(IndexMemoryTest, LeavesOutWhatIsCondemned) {
  const KeptIndex kept(repository);
  load_index(repository);
  const PackId id = *pack_of(names_below(at.store, "packs/").front());
  put_condemned(at.repository, {id});
  EXPECT_FALSE(Writer(repository).index().has_pack(id));
}

TEST_F(IndexMemoryTest, GivesAWriterTheSameIndexForAllItsLife) {
  const KeptIndex kept(repository);
  Writer writer(repository);
  for (std::uint32_t i = 3; i < 40; ++i) back_up_elsewhere(i);
  prune(at.repository, {.longest_wait = std::chrono::seconds(0)}, no_progress());
  load_index(repository);
  EXPECT_EQ(writer.index().packs().size(), 3);
  writer.commit(add_database(writer, repository, numbers_of(40), 41));
  snapshots.push_back(
      *find_snapshot(repository, series_of(repository, snapshots[0].databases), snapshot_id(41)));
  expect_all_restored();
}

TEST_F(IndexMemoryTest, TakesNoMoreThanItsShareOfMemory) {
  const KeptIndex kept(repository);
  IndexMemory& memory = *repository.index_memory();
  const auto part = [](std::size_t withdrawn) {
    IndexContent content;
    content.withdrawn.resize(withdrawn);
    return std::make_shared<const IndexPart>(content);
  };
  constexpr std::size_t kHalf = IndexMemory::kMostBytes / sizeof(WithdrawnBlob) / 2;
  memory.note("large", part(kHalf));
  memory.note("too large", part(kHalf + 1));
  EXPECT_NE(memory.find("large"), nullptr);
  EXPECT_EQ(memory.find("too large"), nullptr);
  memory.keep_only({});
  memory.note("small", part(10));
  memory.note("too large", part(kHalf + 1));
  EXPECT_EQ(memory.find("large"), nullptr);
  EXPECT_NE(memory.find("small"), nullptr);
  EXPECT_NE(memory.find("too large"), nullptr);
}

TEST_F(IndexMemoryTest, ServesSeveralWritersAtOnce) {
  const KeptIndex kept(repository);
  constexpr std::uint32_t kThreads = 4, kEach = 20;
  std::vector<std::vector<Snapshot>> made(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint32_t i = 0; i < kEach; ++i) {
          const std::uint32_t number = 3 + thread * kEach + i;
          made[thread].push_back(back_up(repository, numbers_of(number), number + 1));
        }
      });
    }
  }
  for (const auto& some : made) snapshots.insert(snapshots.end(), some.begin(), some.end());
  expect_all_restored();
  EXPECT_TRUE(load_index(repository).unindexed.empty());
}

// Whoever listed before somebody else merged.
TEST_F(IndexMemoryTest, ListsAgainWhereAnObjectHasVanished) {
  const BlobId blob = snapshots[0].databases.front().map;
  const PackId place = load_index(repository).index.find(blob).front().pack;
  put_index(at.repository, {.packs = {}, .withdrawn = {{place, blob}}});
  constexpr std::uint32_t kLast = kMostIndexObjects - 1;
  for (std::uint32_t i = 3; i < kLast; ++i) back_up_elsewhere(i);
  const auto before = names_below(at.store, "index/");
  reads.before_next([&] { back_up_elsewhere(kLast); });
  const LoadedIndex loaded = load_index(repository);
  EXPECT_LT(names_below(at.store, "index/").size(), before.size());
  EXPECT_EQ(loaded.index.packs().size(), kMostIndexObjects);
  EXPECT_TRUE(loaded.unindexed.empty()) << "directories of packs were read";
  EXPECT_TRUE(loaded.index.withdrawn().contains({place, blob}));
}

TEST_F(IndexMemoryTest, FindsInThePacksWhatListingsNeverShow) {
  class Lagging final : public storage::StoreDecorator {
   public:
    Lagging(storage::Store& base, std::vector<std::string> names)
        : StoreDecorator(base), names_(std::move(names)) {}
    void list(std::string_view prefix, const Visitor& visit) override {
      if (prefix != "index/") return StoreDecorator::list(prefix, visit);
      for (const std::string& name : names_) visit(name, {});
    }

   private:
    const std::vector<std::string> names_;
  };
  Lagging lagging(at.store, names_below(at.store, "index/"));
  const Repository behind = Repository::open(lagging, at.clock, std::nullopt);
  at.store.remove(names_below(at.store, "index/").front());
  const LoadedIndex loaded = load_index(behind);
  EXPECT_EQ(loaded.index.packs().size(), 3);
  EXPECT_EQ(loaded.unindexed.size(), 1);
}

}  // namespace
}  // namespace holdfast::repository
