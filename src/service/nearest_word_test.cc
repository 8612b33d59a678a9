#include "service/nearest_word.h"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::service {
namespace {

const std::vector<std::string> kWords = {"repository", "passphrase_file", "key_cache", "databases"};

TEST(NearestWord, ForgivesAWrongLetter) {
  EXPECT_EQ("repository", nearest_word("repositary", kWords));
}
TEST(NearestWord, ForgivesAMissingLetter) {
  EXPECT_EQ("databases", nearest_word("database", kWords));
}
TEST(NearestWord, ForgivesSwappedNeighbours) {
  EXPECT_EQ("key_cache", nearest_word("key_cahce", kWords));
}
TEST(NearestWord, ForgivesCaseAndDashes) {
  EXPECT_EQ("key_cache", nearest_word("Key-Cache", kWords));
}
TEST(NearestWord, CompletesABeginning) {
  EXPECT_EQ("passphrase_file", nearest_word("pass", kWords));
}
TEST(NearestWord, FindsNothingWhereNothingIsNear) {
  EXPECT_EQ("", nearest_word("encryption", kWords));
}
TEST(NearestWord, FindsNothingForNothing) { EXPECT_EQ("", nearest_word("", kWords)); }

}  // namespace
}  // namespace holdfast::service
