#include "service/cost.h"

#include <gmock/gmock.h>

#include "service/test_world.h"

namespace holdfast::service {
namespace {

using testing::HasSubstr;

class CostTest : public TestWorld {
 protected:
  std::vector<Prices> parse(std::string_view text) {
    return parse_prices(text, "prices.toml", world.variables);
  }
  std::string refusal(std::string_view text) {
    try {
      parse(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
      return error.what();
    }
    ADD_FAILURE() << "was taken: " << text;
    return {};
  }
};

repository::RepositoryStatistics ten_gigabytes() {
  repository::RepositoryStatistics statistics;
  statistics.packs = 600;
  statistics.blobs = 20'000;
  statistics.stored_bytes = 10'000'000'000;
  statistics.compression_ratio = 2;
  statistics.databases = {{.name = "app",
                           .snapshots = 10,
                           .newest_bytes = 4'000'000'000,
                           .rows = 1,
                           .bytes_a_day = 0,
                           .stored_bytes_a_day = 100'000'000}};
  return statistics;
}

TEST_F(CostTest, TheBuiltInPricesAreAFileOfPrices) {
  const auto prices = parse(built_in_prices());
  ASSERT_GE(prices.size(), 3);
  for (const Prices& service : prices) {
    EXPECT_FALSE(service.name.empty());
    EXPECT_FALSE(service.as_of.empty());
    EXPECT_EQ(service.currency, "USD");
    EXPECT_GT(service.storage_gb_month, 0);
  }
}

TEST_F(CostTest, ListsCostAsMuchAsWritesUnlessSaid) {
  const auto prices = parse(
      "[[service]]\nname='a'\nwrites_1000=2\n[[service]]\nname='b'\nwrites_1000=2\nlists_1000=0.5");
  ASSERT_EQ(prices.size(), 2);
  EXPECT_EQ(prices[0].lists_1000, 2);
  EXPECT_EQ(prices[1].lists_1000, 0.5);
}

TEST_F(CostTest, SaysWhatIsWrongInAFileOfPrices) {
  EXPECT_THAT(refusal(""), HasSubstr("no [[service]]"));
  EXPECT_THAT(refusal("[[service]]\nstorage_gb_month = 1"), HasSubstr("needs a name"));
  EXPECT_THAT(refusal("[[service]]\nname = 'a'\nstorage_gb_month = -1"), HasSubstr("line 3"));
  EXPECT_THAT(refusal("[[service]]\nname = 'a'\nreads_1000 = nan"), HasSubstr("from 0 on"));
  EXPECT_THAT(refusal("[[service]]\nname = 'a'\nread_1000 = 1"), HasSubstr("\"reads_1000\""));
  EXPECT_THAT(refusal("[[service"), HasSubstr("line 1, column"));
}

TEST_F(CostTest, AddsUpWhatIsStoredAskedAndDownloaded) {
  const MonthlyUse use = monthly_use(ten_gigabytes(), {.backups_a_day = 24,
                                                       .replicated_hours_a_day = 10,
                                                       .ship_interval = std::chrono::seconds(1),
                                                       .restores_a_month = 1,
                                                       .read_data_a_month = 50});
  EXPECT_EQ(use.stored_bytes, 11.5e9);
  EXPECT_EQ(use.downloaded_bytes, 2e9 + 5e9);
  EXPECT_NEAR(use.writes, 720 * 5 + 3e9 / (16 << 20) * 5 + 300 * 3600, 1);
  EXPECT_EQ(use.lists, 721 * 4 + 300 * 660);
  EXPECT_NEAR(use.reads, 721 * 11 + 7e9 / 1.5e6, 1);
  const Prices prices{.name = "a",
                      .currency = "USD",
                      .as_of = "now",
                      .storage_gb_month = 0.1,
                      .writes_1000 = 1,
                      .lists_1000 = 2,
                      .reads_1000 = 3,
                      .download_gb = 0.5,
                      .free_download_gb = 1};
  const MonthlyCost cost = cost_of(use, prices);
  EXPECT_NEAR(cost.storage, 1.15, 1e-9);
  EXPECT_NEAR(cost.requests, (use.writes + 2 * use.lists + 3 * use.reads) / 1000, 1e-6);
  EXPECT_NEAR(cost.download, 3, 1e-9);
  EXPECT_NEAR(cost.total(), cost.storage + cost.requests + cost.download, 1e-9);
}

TEST_F(CostTest, AnEmptyRepositoryCostsNothingButItsRequests) {
  const MonthlyUse use = monthly_use({}, {.backups_a_day = 1, .restores_a_month = 0});
  EXPECT_EQ(use.stored_bytes, 0);
  EXPECT_EQ(use.downloaded_bytes, 0);
  EXPECT_EQ(use.writes, 150);
}

TEST_F(CostTest, TellsHowOftenBackupsAreMade) {
  std::vector<repository::Snapshot> snapshots(9);
  const Time newest = Time{} + std::chrono::hours(24 * 365);
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    snapshots[i].time = newest - std::chrono::hours(12) * i;
  }
  EXPECT_NEAR(backups_a_day(snapshots), 2, 1e-9);
  EXPECT_EQ(backups_a_day(std::span(snapshots).first(2)), 24);
  EXPECT_EQ(backups_a_day({}), 24);
}

}  // namespace
}  // namespace holdfast::service
