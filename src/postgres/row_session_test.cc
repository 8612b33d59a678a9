// PostgreSQL's rows under the tests that every engine must pass.
#include "base/test_row_session.h"
#include "postgres/row_store.h"
#include "postgres/test_server.h"

namespace holdfast::postgres {
namespace {

class ServerSubject final : public RowSessionSubject {
 public:
  std::unique_ptr<RowSession> open() override {
    return std::make_unique<RowStore>(Address(server_.url(database_)),
                                      Timeouts{.lock = std::chrono::milliseconds(50)});
  }
  std::string sql(const std::string& text) override { return server_.sql(database_, text); }
  std::string blob_type() const override { return "bytea"; }
  std::string numbered_key() const override {
    return "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
  }

 private:
  TestServer& server_ = TestServer::shared();
  const std::string database_ = server_.new_database();
};

}  // namespace
}  // namespace holdfast::postgres

namespace holdfast {

INSTANTIATE_TEST_SUITE_P(Engines, RowSessionSuite,
                         testing::Values(RowSessionCase{
                             "Postgres",
                             [] { return std::make_unique<postgres::ServerSubject>(); }}),
                         name_of_case);

}  // namespace holdfast
