// The two bars of memory, at a million blobs.
#include <gtest/gtest.h>

#include "scale/measurements.h"

namespace holdfast::scale {
namespace {

constexpr std::uint64_t kDatabases = 88;

TEST(Scale, AMillionBlobsFitTheBarsOfMemory) {
  const Shape shape{.databases = kDatabases};
  RecordProperty("seed", static_cast<int>(shape.seed));
  Simulation simulation(shape, {});
  ASSERT_GE(simulation.blobs(), 1'000'000u);

  const Measured index = simulation.load_index();
  EXPECT_LE(index.kept_bytes, 64 * static_cast<std::int64_t>(simulation.blobs()));
  simulation.forget(3);
  const Measured prune = simulation.prune();
  EXPECT_GT(simulation.pruned().packs_removed, 0u);
  EXPECT_LE(prune.peak_bytes, 128'000'000);
  EXPECT_LE(simulation.load_index().kept_bytes, 64 * static_cast<std::int64_t>(simulation.blobs()));
}

}  // namespace
}  // namespace holdfast::scale
