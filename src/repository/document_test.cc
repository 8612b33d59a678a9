#include "repository/document.h"

#include <gtest/gtest.h>

#include "repository/test_repository.h"

namespace holdfast::repository {
namespace {

class Document : public testing::Test {
 protected:
  Bytes seal(std::string_view content) const {
    return seal_document(key_, DocumentKind::kLog, "log/a", as_bytes(content));
  }
  std::string open(ByteView object) const {
    return std::string(as_text(open_document(key_, DocumentKind::kLog, "log/a", object)));
  }
  codec::SecretKey key_ = codec::SecretKey::random();
};

TEST_F(Document, OpensToWhatWasSealed) {
  for (const std::string& content :
       {std::string(), std::string("a"), std::string(100'000, 'x'), std::string("short text")}) {
    EXPECT_EQ(content, open(seal(content)));
  }
}

TEST_F(Document, IsCompressed) { EXPECT_LT(seal(std::string(100'000, 'x')).size(), 1000u); }

TEST_F(Document, DetectsAChangeOfEveryBit) {
  const Bytes object = seal(std::string(300, 'x') + "end");
  for (std::size_t bit = 0; bit < object.size() * 8; ++bit) {
    Bytes changed = object;
    changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    SCOPED_TRACE(bit);
    expect_error(ErrorCode::kDamagedObject, [&] { open(changed); });
  }
}

TEST_F(Document, DetectsEveryTruncationAndAnyAddition) {
  Bytes object = seal("some content");
  for (std::size_t size = 0; size < object.size(); ++size) {
    expect_error(ErrorCode::kDamagedObject, [&] { open(ByteView(object).first(size)); });
  }
  object.push_back(std::byte{0});
  expect_error(ErrorCode::kDamagedObject, [&] { open(object); });
}

TEST_F(Document, CannotStandInForAnother) {
  const Bytes object = seal("some content");
  expect_error(ErrorCode::kDamagedObject,
               [&] { open_document(key_, DocumentKind::kLog, "log/b", object); });
  expect_error(ErrorCode::kDamagedObject,
               [&] { open_document(key_, DocumentKind::kIntent, "log/a", object); });
  expect_error(ErrorCode::kDamagedObject, [&] {
    open_document(codec::SecretKey::random(), DocumentKind::kLog, "log/a", object);
  });
}

}  // namespace
}  // namespace holdfast::repository
