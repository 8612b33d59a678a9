#include "storage/store_conformance.h"

#include "env/crash_file_system.h"
#include "env/fault_file_system.h"
#include "env/temporary_directory.h"
#include "storage/counting_store.h"
#include "storage/crash_store.h"
#include "storage/fault_store.h"
#include "storage/local/local_store.h"
#include "storage/memory/memory_store.h"

namespace holdfast::storage {
namespace {

class MemoryPlace : public StorePlace {
 public:
  Store& store() override { return store_; }
  Store& other() override { return store_; }
  bool lose_power(std::uint64_t) override {
    store_.lose_ephemeral();
    return true;
  }

 private:
  MemoryStore store_;
};

class LocalPlace : public StorePlace {
 public:
  Store& store() override { return store_; }
  Store& other() override { return other_; }

 private:
  const env::TemporaryDirectory directory_;
  LocalStore store_{env::posix_file_system(), directory_ / "repository"};
  LocalStore other_{env::posix_file_system(), directory_ / "repository"};
};

class CrashingLocalPlace : public StorePlace {
 public:
  CrashingLocalPlace() { open(); }
  Store& store() override { return *store_; }
  Store& other() override { return *other_; }
  bool lose_power(std::uint64_t seed) override {
    store_.reset();
    other_.reset();
    files_.lose_unsynced(seed);
    files_.restart();
    open();
    return true;
  }

 private:
  void open() {
    store_ = std::make_unique<LocalStore>(files_, directory_ / "repository");
    other_ = std::make_unique<LocalStore>(files_, directory_ / "repository");
  }

  const env::TemporaryDirectory directory_;
  env::CrashFileSystem files_{directory_.path()};
  std::unique_ptr<LocalStore> store_, other_;
};

// All decorators, told to do nothing.
class DecoratedPlace : public StorePlace {
 public:
  Store& store() override { return counting_; }
  Store& other() override { return local_; }

 private:
  const env::TemporaryDirectory directory_;
  env::FaultFileSystem files_{env::posix_file_system()};
  LocalStore local_{files_, directory_ / "repository"};
  CrashStore crash_{local_};
  FaultStore fault_{crash_, 1};
  CountingStore counting_{fault_};
};

template <typename Place>
StoreCase place_named(std::string name) {
  return {std::move(name), [] { return std::make_unique<Place>(); }};
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance,
                         testing::Values(place_named<MemoryPlace>("Memory"),
                                         place_named<LocalPlace>("Local"),
                                         place_named<CrashingLocalPlace>("LocalWithPowerLoss"),
                                         place_named<DecoratedPlace>("Decorated")),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace holdfast::storage
