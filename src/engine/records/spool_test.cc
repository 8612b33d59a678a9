#include "engine/records/spool.h"

#include <gtest/gtest.h>

#include "env/temporary_directory.h"

namespace holdfast::engine {
namespace {

class SpoolTest : public testing::Test {
 protected:
  void append(const std::string& id) {
    const Write write{
        .id = id, .kind = WriteKind::kDelete, .collection = "items", .record = {}, .record_id = id};
    spool.append(std::span(&write, 1));
  }

  env::TemporaryDirectory directory;
  Spool spool{env::posix_file_system(), directory.path(), 1'000'000};
};

TEST_F(SpoolTest, KeepsTheOrderOfItsSegments) {
  for (const char* id : {"a", "b", "c"}) append(id);
  std::string order;
  for (const SpoolSegment& segment : spool.segments()) {
    order += spool.read(segment).writes.at(0).record_id;
  }
  EXPECT_EQ(order, "abc");
}

TEST_F(SpoolTest, KeepsANewSegmentWhenSomebodyRemovesTheOneThatWasThereBefore) {
  append("a");
  const SpoolSegment drained = spool.segments().at(0);
  spool.remove(drained);
  append("b");
  spool.remove(drained);  // by another process, which has drained it, too
  EXPECT_EQ(spool.segments().size(), 1u);
}

}  // namespace
}  // namespace holdfast::engine
