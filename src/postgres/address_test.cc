#include "postgres/address.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/test_errors.h"

namespace holdfast::postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PostgresAddress, IsAUrlOfEitherNameAlsoWithADriver) {
  EXPECT_TRUE(is_address("postgres://h/d"));
  EXPECT_TRUE(is_address("postgresql://h/d"));
  EXPECT_TRUE(is_address("postgresql+psycopg2://h/d"));
  EXPECT_FALSE(is_address("postgresqlite://h/d"));
  EXPECT_FALSE(is_address("sqlite:///postgres"));
  EXPECT_FALSE(is_address("/postgres"));
}

TEST(PostgresAddress, IsShownWithoutPasswordAndParameters) {
  EXPECT_EQ(Address("postgresql+asyncpg://me:p%40ss@db.example:6432/app?sslmode=require").shown(),
            "postgres://me@db.example:6432/app");
  EXPECT_EQ(Address("postgres:///app?host=/run/pg&password=secret").shown(),
            "postgres:///app?host=/run/pg");
}

TEST(PostgresAddress, TakesPasswordsOutOfMessagesHoweverTheyAreWritten) {
  const Address address("postgres://me:p%40ss:word@h/d?sslpassword=other");
  EXPECT_EQ(address.without_secrets("p@ss:word, p%40ss:word and other are wrong"),
            "***, *** and *** are wrong");
}

TEST(PostgresAddress, MayNameASearchPathBesideOtherParameters) {
  for (const char* url :
       {"postgres://h/d?search_path=a%2C%20%22B%22", "postgres://h/d?port=5&search_path=a, \"B\"",
        "postgres://h/d?search_path=x&search_path=a,%20\"B\"&port=5"}) {
    EXPECT_EQ(Address(url).search_path(), "a, \"B\"") << url;
  }
  EXPECT_EQ(Address("postgres://h/d?port=5").search_path(), "");
  for (const char* url :
       {"postgres://h/d", "postgres://h/d?port=5", "postgres://h/d?search_path=z"}) {
    const Address other(with_search_path(url, "a, \"B\""));
    EXPECT_EQ(other.search_path(), "a, \"B\"") << url;
    EXPECT_EQ(other.settings(), Address(url).settings()) << url;
  }
}

TEST(PostgresAddress, ThatCannotBeReadIsRefusedWithoutShowingIt) {
  for (const char* url : {"postgres://me:sec%zzret@h/d", "postgres://me:secret@[::1/d",
                          "postgres://me:secret@h/d?pool=5", "postgres://me:sec%00ret@h/d"}) {
    try {
      const Address address{url};
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
      EXPECT_THAT(error.happened(), Not(HasSubstr("sec"))) << url;
    }
  }
  try {
    const Address address("postgres://h/d?pool=5");
  } catch (const Error& error) {
    EXPECT_THAT(error.happened(), HasSubstr("pool"));
  }
}

}  // namespace
}  // namespace holdfast::postgres
