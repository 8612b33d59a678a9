#include "repository/proof.h"

#include <gtest/gtest.h>

#include "repository/test_timeline.h"

namespace holdfast::repository {
namespace {

Proof proof_at(std::int64_t number) {
  Proof proof;
  proof.id.bytes[0] = std::byte{7};
  proof.time = second(number);
  proof.database = "orders";
  proof.host = "ada";
  proof.version = "0.1.0";
  proof.snapshot = snapshot_id(4);
  proof.position = {.branch = 3, .number = 1045};
  proof.state = second(number - 60);
  proof.bytes = 123456789;
  proof.restore_seconds = 1.25;
  proof.total_seconds = 3.5;
  proof.checksum = checksum_of(1045);
  proof.integrity = proof.invariants = true;
  return proof;
}

TEST(Proof, IsReadBackAsItWasWritten) {
  TestRepository test(kPassphrase);
  EXPECT_FALSE(newest_proof(test.repository, kSeries));
  const Proof proof = proof_at(100);
  put_proof(test.repository, kSeries, proof);
  const auto read = newest_proof(test.repository, kSeries);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, proof.id);
  EXPECT_EQ(read->time, proof.time);
  EXPECT_EQ(read->database, proof.database);
  EXPECT_EQ(read->snapshot, proof.snapshot);
  EXPECT_EQ(read->position, proof.position);
  EXPECT_EQ(read->state, proof.state);
  EXPECT_EQ(read->bytes, proof.bytes);
  EXPECT_EQ(read->restore_seconds, proof.restore_seconds);
  EXPECT_EQ(read->total_seconds, proof.total_seconds);
  EXPECT_EQ(read->checksum, proof.checksum);
  EXPECT_TRUE(read->passed());
}

TEST(Proof, TheNewestThatPassedIsFoundBehindOneThatFailed) {
  TestRepository test;
  put_proof(test.repository, kSeries, proof_at(100));
  Proof failed = proof_at(200);
  failed.findings = {"campaigns are 11 and not 12"};
  put_proof(test.repository, kSeries, failed);
  EXPECT_EQ(newest_proof(test.repository, kSeries)->findings, failed.findings);
  EXPECT_EQ(newest_proof(test.repository, kSeries, true)->time, second(100));
}

TEST(Proof, OnesThatCannotBeReadArePassedOver) {
  TestRepository test;
  put_proof(test.repository, kSeries, proof_at(100));
  put_proof(test.repository, kSeries, proof_at(200));
  test.store.objects.rbegin()->second.back() ^= std::byte{1};
  EXPECT_EQ(newest_proof(test.repository, kSeries)->time, second(100));
}

TEST(Proof, TheNewestStayWhenOldOnesAreRemoved) {
  TestRepository test;
  for (int i = 0; i < 5; ++i) put_proof(test.repository, kSeries, proof_at(i * 100));
  const std::size_t before = test.store.objects.size();
  remove_old_proofs(test.repository, kSeries, 2);
  EXPECT_EQ(test.store.objects.size(), before - 3);
  EXPECT_EQ(newest_proof(test.repository, kSeries)->time, second(400));
  remove_old_proofs(test.repository, kSeries, 9);
  EXPECT_EQ(test.store.objects.size(), before - 3);
}

TEST(Proof, WithoutAnIdItGetsOne) {
  TestRepository test;
  Proof proof = proof_at(100);
  proof.id = {};
  put_proof(test.repository, kSeries, proof);
  put_proof(test.repository, kSeries, proof);
  EXPECT_NE(newest_proof(test.repository, kSeries)->id, ObjectId{});
}

}  // namespace
}  // namespace holdfast::repository
