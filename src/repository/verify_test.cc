#include "repository/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include "env/fault_file_system.h"
#include "env/temporary_directory.h"
#include "repository/prune.h"
#include "repository/test_history.h"
#include "storage/fault_store.h"
#include "storage/local/local_store.h"
#include "storage/store_decorator.h"

namespace holdfast::repository {
namespace {

// Three snapshots: the first two share most pages, the last has a pack of its own.
class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    take("first", numbered(0, 40));
    first_pack = names_below(at.store, "packs/").front();
    Numbers changed = numbered(0, 40);
    for (std::size_t i = 0; i < 4; ++i) changed[i] += 1000;
    take("second", changed);
    take("other", numbered(5000, 12));
  }
  void take(const std::string& name, const Numbers& numbers) {
    numbers_[name] = numbers;
    snapshots[name] = back_up(at.repository, numbers, ++taken_);
  }
  // The database is as it was when that snapshot was taken, and is backed up again.
  void back_up_again(const std::string& name) { take(name + " again", numbers_.at(name)); }

  VerifyReport check(double percent = 100) {
    return verify(at.repository, {.snapshots = {}, .read_data_percent = percent, .threads = 1},
                  no_progress());
  }
  std::string broken_in(const VerifyReport& report) const {
    std::string names;
    for (const auto& [name, snapshot] : snapshots) {
      const auto verdict = std::ranges::find(report.snapshots, snapshot.id, &SnapshotVerdict::id);
      if (verdict == report.snapshots.end() || !verdict->restorable) names += name + " ";
    }
    return names;
  }
  bool names_object(const VerifyReport& report, const std::string& object) const {
    return std::ranges::find(report.damage, object, &Damage::object) != report.damage.end();
  }
  PackDescription description(const std::string& name) const {
    return *load_index(at.repository).index.pack(*pack_of(name));
  }
  BlobLocation place_of(const BlobId& id) const {
    return load_index(at.repository).index.find(id).front();
  }
  void expect_restored(const std::string& name) const {
    EXPECT_EQ(restored(at.repository, snapshots.at(name)), content_of(numbers_.at(name))) << name;
  }
  void truncate(const std::string& name, std::size_t size) {
    const Bytes content = at.store.get(name);
    at.store.put(name, ByteView(content).first(size), {.mode = storage::PutMode::kReplace});
  }
  // Backup, then prune: afterwards nobody finds anything wrong.
  void expect_healed_by(const std::string& name) {
    back_up_again(name);
    VerifyReport report = check();
    EXPECT_TRUE(report.ok()) << report.damage.front().object << report.damage.front().problem;
    EXPECT_EQ(broken_in(report), "");
    prune(at.repository, {}, no_progress());
    report = check();
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.databases_proved, snapshots.size());
    for (const auto& [each, numbers] : numbers_) expect_restored(each);
  }

  HistoryRepository at;
  std::string first_pack;
  std::map<std::string, Snapshot> snapshots;

 private:
  std::uint64_t taken_ = 0;
  std::map<std::string, Numbers> numbers_;
};

TEST_F(VerifyTest, ProvesEveryDatabase) {
  const VerifyReport report = check();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.snapshots.size(), 3);
  EXPECT_EQ(report.databases_proved, 3);
  EXPECT_EQ(report.packs, 3);
  EXPECT_GT(report.bytes_read, 50 * kPageSize);
}

TEST_F(VerifyTest, LooksAtStructureAloneWhenNoDataIsToBeRead) {
  const VerifyReport report = check(0);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.packs, 0);
  EXPECT_EQ(report.databases_proved, 0);
}

TEST_F(VerifyTest, ReadsTheWantedShareOfThePacks) { EXPECT_EQ(check(50).packs, 2); }

TEST_F(VerifyTest, LooksAtTheChosenSnapshotAlone) {
  const VerifyReport report = verify(
      at.repository, {.snapshots = {snapshots["other"].id}, .read_data_percent = 100, .threads = 1},
      no_progress());
  EXPECT_EQ(report.snapshots.size(), 1);
  EXPECT_EQ(report.packs, 1);
  EXPECT_EQ(report.databases_proved, 1);
}

TEST_F(VerifyTest, RefusesASnapshotThatIsNotThere) {
  expect_error(ErrorCode::kSnapshotMissing,
               [&] { verify(at.repository, {.snapshots = {snapshot_id(77)}}, no_progress()); });
}

TEST_F(VerifyTest, NamesABlobThatRottedAndTheSnapshotsThatNeedIt) {
  flip_bit(at.store, first_pack, kPackHeaderSize + 100);  // pages 1 to 4, of `first` alone
  const VerifyReport report = check();
  EXPECT_TRUE(names_object(report, first_pack));
  EXPECT_EQ(broken_in(report), "first ");
  const auto verdict =
      std::ranges::find(report.snapshots, snapshots["first"].id, &SnapshotVerdict::id);
  EXPECT_EQ(verdict->lost, std::vector<std::string>{"database orders: 4 of 40 pages"});
  EXPECT_EQ(report.databases_proved, 2);
  expect_healed_by("first");
}

TEST_F(VerifyTest, NamesEverySnapshotThatSharesARottenBlob) {
  const PackDescription pack = description(first_pack);
  flip_bit(at.store, first_pack, kPackHeaderSize + pack.entries[0].stored_size + 10);
  EXPECT_EQ(broken_in(check()), "first second ");
  expect_healed_by("second");
}

TEST_F(VerifyTest, StoresWhatItFoundOnlyOnce) {
  flip_bit(at.store, first_pack, kPackHeaderSize + 100);
  check();
  const auto objects = names_below(at.store, "index/");
  EXPECT_FALSE(check().ok()) << "it was forgotten that a blob is lost";
  EXPECT_EQ(names_below(at.store, "index/"), objects);
}

TEST_F(VerifyTest, LeavesTheRepositoryAloneIfToldSo) {
  flip_bit(at.store, first_pack, kPackHeaderSize + 100);
  const auto before = names_below(at.store, "");
  verify(at.repository,
         {.snapshots = {}, .read_data_percent = 100, .threads = 1, .remember_damage = false},
         no_progress());
  EXPECT_EQ(names_below(at.store, ""), before);
}

TEST_F(VerifyTest, NamesALostLeafAndWhoNeedsIt) {
  const BlobLocation leaf = place_of(snapshots["second"].databases.front().map);
  flip_bit(at.store, pack_name(leaf.pack), leaf.offset + 3);
  EXPECT_EQ(broken_in(check(0)), "second ") << "without reading the data";
  EXPECT_EQ(broken_in(check()), "second ");
  expect_healed_by("second");
}

// The pack's own parts: the data can still be read, so everything restores, and a prune writes it
// anew.
class PackPartTest : public VerifyTest {
 protected:
  void expect_damage_without_loss(std::size_t at_byte) {
    flip_bit(at.store, first_pack, at_byte);
    const VerifyReport report = check();
    EXPECT_TRUE(names_object(report, first_pack));
    EXPECT_EQ(broken_in(report), "");
    EXPECT_EQ(report.databases_proved, 3);
    prune(at.repository, {}, no_progress());
    EXPECT_TRUE(check().ok());
    expect_restored("first");
    expect_restored("second");
  }
};

TEST_F(PackPartTest, LosesNothingByADamagedHeader) { expect_damage_without_loss(2); }

TEST_F(PackPartTest, LosesNothingByDamagedDigests) {
  expect_damage_without_loss(description(first_pack).digests_offset() + 20);
}

TEST_F(PackPartTest, LosesNothingByADamagedDirectory) {
  const PackDescription pack = description(first_pack);
  expect_damage_without_loss(pack.digests_offset() + pack.digests_size + 20);
}

TEST_F(PackPartTest, LosesNothingByADamagedFooter) {
  expect_damage_without_loss(description(first_pack).size() - kPackFooterSize + 1);
}

TEST_F(VerifyTest, NamesAMissingPack) {
  at.store.remove(first_pack);
  const VerifyReport report = check(0);
  EXPECT_TRUE(names_object(report, first_pack));
  EXPECT_EQ(broken_in(report), "first second ");
  back_up_again("first");
  // The page that only `second` had is in another pack; its leaf too.
  EXPECT_EQ(broken_in(check()), "");
  prune(at.repository, {}, no_progress());
  EXPECT_TRUE(check().ok());
}

TEST_F(VerifyTest, MissesNoPackThatNobodyNeeds) {
  remove_snapshot(at.repository, snapshots["other"]);
  const std::string pack = pack_name(place_of(snapshots["other"].databases.front().map).pack);
  snapshots.erase("other");
  at.store.remove(pack);
  EXPECT_TRUE(check().ok());
}

// Does something once, before the first look into a pack, whichever thread that is of.
class InterruptedStore final : public storage::StoreDecorator {
 public:
  InterruptedStore(storage::Store& base, std::function<void()> interruption)
      : StoreDecorator(base), interruption_(std::move(interruption)) {}
  void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) override {
    std::call_once(once_, interruption_);
    StoreDecorator::get_range(name, offset, out);
  }

 private:
  std::once_flag once_;
  std::function<void()> interruption_;
};

TEST_F(VerifyTest, TakesNoPruneForDamage) {
  remove_snapshot(at.repository, snapshots["first"]);
  snapshots.erase("first");
  InterruptedStore store(at.store, [&] {
    EXPECT_EQ(prune(at.repository, {.max_waste = 0}, no_progress()).packs_repacked, 1);
  });
  const Repository other = Repository::open(store, at.clock, std::nullopt);
  const VerifyReport report =
      verify(other, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
  EXPECT_TRUE(report.ok()) << report.damage.front().object << report.damage.front().problem;
  EXPECT_EQ(report.databases_proved, 2);
}

TEST_F(VerifyTest, TakesNoForgottenSnapshotForDamage) {
  InterruptedStore store(at.store, [&] {
    remove_snapshot(at.repository, snapshots["other"]);
    EXPECT_EQ(prune(at.repository, {.max_waste = 0}, no_progress()).packs_removed, 1);
  });
  const Repository other = Repository::open(store, at.clock, std::nullopt);
  const VerifyReport report =
      verify(other, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
  EXPECT_TRUE(report.ok()) << report.damage.front().object << report.damage.front().problem;
  EXPECT_EQ(report.databases_proved, 2);
}

TEST_F(VerifyTest, TakesBitsThatFlippedOnTheWayForNoDamage) {
  for (std::uint64_t skip = 0; skip < 30; ++skip) {
    storage::FaultStore store(at.store, skip);
    const Repository other = Repository::open(store, at.clock, std::nullopt);
    store.inject({.kind = storage::Fault::Kind::kFlipBit,
                  .verb = storage::Verb::kGetRange,
                  .prefix = "packs/",
                  .skip = skip,
                  .times = 3});
    const VerifyReport report =
        verify(other, {.snapshots = {}, .read_data_percent = 100, .threads = 1}, no_progress());
    EXPECT_TRUE(report.ok()) << report.damage.front().object << report.damage.front().problem;
    EXPECT_TRUE(load_index(at.repository).index.withdrawn().empty());
  }
}

TEST_F(VerifyTest, NamesATruncatedPack) {
  truncate(first_pack, 3000);
  const VerifyReport report = check();
  EXPECT_TRUE(names_object(report, first_pack));
  EXPECT_EQ(broken_in(report), "first second ");
  expect_healed_by("first");
}

TEST_F(VerifyTest, NamesADamagedIndexButLosesNothing) {
  const std::string index = names_below(at.store, "index/").front();
  flip_bit(at.store, index, 30);
  const VerifyReport report = check();
  EXPECT_TRUE(names_object(report, index));
  EXPECT_EQ(broken_in(report), "");
  EXPECT_EQ(report.databases_proved, 3);
}

TEST_F(VerifyTest, LosesNothingWithAllIndexObjectsGone) {
  for (const std::string& index : names_below(at.store, "index/")) at.store.remove(index);
  const VerifyReport report = check();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.databases_proved, 3);
}

TEST_F(VerifyTest, NamesADamagedSnapshotAndJudgesTheOthers) {
  const std::string object = object_name(at.repository, snapshots["second"]);
  flip_bit(at.store, object, 40);
  const VerifyReport report = check();
  EXPECT_TRUE(names_object(report, object));
  EXPECT_EQ(report.snapshots.size(), 2);
  EXPECT_EQ(broken_in(report), "second ");
}

TEST_F(VerifyTest, NoticesAChecksumThatIsNotThatOfThePages) {
  Snapshot forged = snapshots["other"];
  forged.id = snapshot_id(50);
  forged.databases.front().checksum = std::string(64, 'b');
  put_snapshot(at.repository, forged);
  const VerifyReport report = check();
  EXPECT_TRUE(names_object(report, object_name(at.repository, forged)));
  EXPECT_FALSE(report.ok());
}

// A disk that cannot read one object any more.
class BadSectorTest : public VerifyTest {
 protected:
  VerifyReport check_beside(const std::string& unreadable, double percent = 100) {
    storage::FaultStore store(at.store, 1);
    const Repository other = Repository::open(store, at.clock, std::nullopt);
    store.inject({.prefix = unreadable, .times = times, .code = ErrorCode::kIo});
    VerifyReport report = verify(
        other, {.snapshots = chosen, .read_data_percent = percent, .threads = 1}, no_progress());
    EXPECT_GT(store.faults(), 0);
    return report;
  }
  std::string pack_of_map(const std::string& name) const {
    return pack_name(place_of(snapshots.at(name).databases.front().map).pack);
  }

  std::vector<SnapshotId> chosen;
  std::uint64_t times = std::numeric_limits<std::uint64_t>::max();
};

TEST_F(BadSectorTest, NamesThePackOnceAndJudgesTheOthers) {
  const VerifyReport report = check_beside(first_pack);
  ASSERT_EQ(std::ranges::count(report.damage, first_pack, &Damage::object), 1);
  EXPECT_NE(report.damage.front().problem.find("cannot be read"), std::string::npos);
  EXPECT_EQ(broken_in(report), "first second ");
  EXPECT_EQ(report.databases_proved, 1);
  EXPECT_EQ(report.packs, 3);
}

TEST_F(BadSectorTest, IsNotRememberedSinceItMayBeReadableAgain) {
  const auto before = names_below(at.store, "index/");
  check_beside(first_pack);
  EXPECT_EQ(names_below(at.store, "index/"), before);
  EXPECT_TRUE(check().ok());
}

TEST_F(BadSectorTest, LosesOnlyTheBlobThatItIsIn) {
  times = 2;  // the header and the list of digests; all blobs can be read
  VerifyReport report = check_beside(first_pack);
  EXPECT_TRUE(names_object(report, first_pack));
  EXPECT_EQ(broken_in(report), "");
  EXPECT_EQ(report.databases_proved, 3);
  times = 4;  // and the first blob, of the first snapshot alone, with its neighbours and by itself
  report = check_beside(first_pack);
  EXPECT_EQ(broken_in(report), "first ");
}

TEST_F(BadSectorTest, UnderAMapNamesThePackWithoutReadingTheData) {
  const VerifyReport report = check_beside(pack_of_map("other"), 0);
  EXPECT_TRUE(names_object(report, pack_of_map("other")));
  EXPECT_EQ(broken_in(report), "other ");
}

TEST_F(BadSectorTest, UnderAMapOfAChosenSnapshotNamesThePack) {
  chosen = {snapshots["other"].id, snapshots["first"].id};
  const VerifyReport report = check_beside(pack_of_map("other"));
  EXPECT_TRUE(names_object(report, pack_of_map("other")));
  EXPECT_EQ(broken_in(report), "other second ") << "`second` was not looked at";
}

TEST_F(BadSectorTest, UnderANodeNamesThePack) {
  take("large", numbered(0, 4200));
  for (const double percent : {0.0, 100.0}) {
    const VerifyReport report = check_beside(pack_of_map("large"), percent);
    EXPECT_TRUE(names_object(report, pack_of_map("large")));
    EXPECT_EQ(broken_in(report), "large ");
  }
}

TEST_F(BadSectorTest, UnderAnIndexObjectLosesNothing) {
  const std::string index = names_below(at.store, "index/").front();
  const VerifyReport report = check_beside(index);
  EXPECT_TRUE(names_object(report, index));
  EXPECT_EQ(broken_in(report), "");
  EXPECT_EQ(report.databases_proved, 3);
}

TEST_F(BadSectorTest, IsNoLossWhereAnotherPackHoldsTheSame) {
  // A backup that may not rely on that pack stores everything once more.
  const std::string condemned = put_condemned(at.repository, {*pack_of(first_pack)});
  back_up_again("first");
  at.store.remove(condemned);
  const VerifyReport report = check_beside(first_pack);
  EXPECT_TRUE(names_object(report, first_pack));
  EXPECT_EQ(broken_in(report), "");
}

// The same through real files.
TEST(BadSector, OfALocalStoreIsNamedWithItsFile) {
  env::TemporaryDirectory directory;
  env::FaultFileSystem files(env::posix_file_system());
  RestingClock clock;
  storage::LocalStore store(files, directory / "repo");
  const Repository repository =
      Repository::create(store, clock, std::nullopt, "tests", kFastCost).repository;
  back_up(repository, numbered(0, 40), 1);
  const std::string bad = names_below(store, "packs/").front();
  back_up(repository, numbered(100, 40), 2);
  files.break_reading(directory / "repo" / bad);
  const VerifyReport report =
      verify(repository, {.snapshots = {}, .read_data_percent = 100}, no_progress());
  ASSERT_EQ(report.damage.size(), 2) << "the pack and the snapshot";
  EXPECT_EQ(report.damage.front().object, bad);
  EXPECT_NE(report.damage.front().problem.find("Input/output error"), std::string::npos)
      << report.damage.front().problem;
  EXPECT_EQ(report.databases_proved, 1);
}

// Above 4096 pages a map has nodes.
TEST_F(VerifyTest, CountsThePagesBelowALostNode) {
  take("large", numbered(0, 4200));
  const BlobLocation root = place_of(snapshots["large"].databases.front().map);
  flip_bit(at.store, pack_name(root.pack), root.offset + 3);
  const VerifyReport report = check(0);
  EXPECT_EQ(broken_in(report), "large ");
  const auto verdict =
      std::ranges::find(report.snapshots, snapshots["large"].id, &SnapshotVerdict::id);
  EXPECT_EQ(verdict->lost, std::vector<std::string>{"database orders: 4200 of 4200 pages"});
}

}  // namespace
}  // namespace holdfast::repository
