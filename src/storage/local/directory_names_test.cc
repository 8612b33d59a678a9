#include "storage/local/directory_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "env/fault_file_system.h"

namespace holdfast::storage {
namespace {

using testing::ElementsAre;

// Tells of made-up entries, in their order.
class ToldEntries : public env::FaultFileSystem {
 public:
  ToldEntries() : FaultFileSystem(env::posix_file_system()) {}
  void visit_names(const env::Path&, const NameVisitor& visit) override {
    for (const auto& [name, directory] : entries) visit(name, directory);
  }
  std::vector<std::string> names() {
    const DirectoryNames found(*this, "/nowhere");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < found.size(); ++i) names.emplace_back(found[i]);
    return names;
  }
  std::vector<std::pair<std::string, bool>> entries;  // name, whether it is a directory
};

// What the whole names of their objects are sorted by.
std::vector<std::string> sorted(const ToldEntries& told) {
  std::vector<std::string> names;
  for (const auto& [name, directory] : told.entries) names.push_back(name + (directory ? "/" : ""));
  std::ranges::sort(names);
  return names;
}

TEST(DirectoryNames, AreInTheOrderOfWholeNamesHoweverAlikeTheyAre) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string letters = "ab0-._";
  for (int round = 0; round < 200; ++round) {
    ToldEntries told;
    std::set<std::string> known;
    const std::string stem(random() % 30, 'a');
    for (std::size_t count = random() % 400; count > 0; --count) {
      std::string name = stem;
      for (std::size_t size = 1 + random() % 25; size > 0; --size) {
        // Mostly the same letter, so that many have long beginnings in common.
        name += random() % 4 == 0 ? letters[random() % letters.size()] : 'a';
      }
      if (name != "." && name != ".." && known.insert(name).second) {
        told.entries.emplace_back(name, random() % 5 == 0);
      }
    }
    std::ranges::shuffle(told.entries, random);
    ASSERT_EQ(told.names(), sorted(told));
  }
}

TEST(DirectoryNames, AreInOrderWhenOneIsTheBeginningOfTheNext) {
  ToldEntries told;
  for (std::size_t size = 60; size > 0; --size)
    told.entries.emplace_back(std::string(size, 'a'), false);
  EXPECT_EQ(told.names(), sorted(told));
}

TEST(DirectoryNames, LeaveOutWhatNoObjectIsCalled) {
  ToldEntries told;
  for (const char* name : {"b", ".", "..", "", "A", "a b", "a+", "a\n", "\xc3\xa4", "a:b", "...",
                           "a\x7f", "\xff", "a\\b"}) {
    told.entries.emplace_back(name, false);
  }
  told.entries.emplace_back(std::string("a\0b", 3), false);
  told.entries.emplace_back("+tmp", true);
  EXPECT_THAT(told.names(), ElementsAre("...", "b"));
}

TEST(DirectoryNames, MayBeToldTwice) {
  ToldEntries told;
  for (int i = 0; i < 50; ++i) told.entries.emplace_back("0123456789abcdef", false);
  told.entries.emplace_back("0123456789abcdef0", false);
  EXPECT_EQ(told.names(), sorted(told));
}

}  // namespace
}  // namespace holdfast::storage
