#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "service/cost.h"
#include "service/toml_values.h"

namespace holdfast::service {

// List prices without taxes and discounts. They change: hence --prices.
std::string_view built_in_prices() {
  return R"toml(# Prices of stores, for `holdfast stats --cost --prices FILE`. A GB is 10^9 bytes.
# writes_1000: a thousand requests that write (PUT, POST); lists_1000: that list, the same unless said;
# reads_1000: GET and HEAD. Deleting is free.

[[service]]
name = "Amazon S3 Standard (us-east-1)"
as_of = "2025-06"
currency = "USD"
storage_gb_month = 0.023
writes_1000 = 0.005
reads_1000 = 0.0004
download_gb = 0.09
free_download_gb = 100

[[service]]
name = "Backblaze B2"
as_of = "2025-06"
currency = "USD"
storage_gb_month = 0.006
writes_1000 = 0.0
lists_1000 = 0.004
reads_1000 = 0.0004
download_gb = 0.01

[[service]]
name = "Cloudflare R2"
as_of = "2025-06"
currency = "USD"
storage_gb_month = 0.015
writes_1000 = 0.0045
reads_1000 = 0.00036
download_gb = 0.0
)toml";
}

namespace {
double price(const TomlValues& values, const toml::table& fields, std::string_view key) {
  const auto* node = fields.get(key);
  if (node == nullptr) return 0;
  const double price = values.number(*node, key);
  if (!(price >= 0)) throw values.wrong(*node, "a price is a number from 0 on");
  return price;
}

std::string text(const TomlValues& values, const toml::table& fields, std::string_view key) {
  const auto* node = fields.get(key);
  return node == nullptr ? std::string() : values.text(*node, key);
}

Prices read_service(const TomlValues& values, const toml::node& node) {
  const toml::table& fields = values.table(node, "service");
  values.expect_keys(fields, "service",
                     {"name", "as_of", "currency", "storage_gb_month", "writes_1000", "lists_1000",
                      "reads_1000", "download_gb", "free_download_gb"});
  if (fields.get("name") == nullptr) throw values.wrong(node, "a [[service]] needs a name");
  Prices prices{.name = text(values, fields, "name"),
                .currency = text(values, fields, "currency"),
                .as_of = text(values, fields, "as_of"),
                .storage_gb_month = price(values, fields, "storage_gb_month"),
                .writes_1000 = price(values, fields, "writes_1000"),
                .lists_1000 = price(values, fields, "lists_1000"),
                .reads_1000 = price(values, fields, "reads_1000"),
                .download_gb = price(values, fields, "download_gb"),
                .free_download_gb = price(values, fields, "free_download_gb")};
  if (fields.get("lists_1000") == nullptr) prices.lists_1000 = prices.writes_1000;
  return prices;
}

}  // namespace

std::vector<Prices> parse_prices(std::string_view text, const env::Path& file,
                                 const Variables& variables) {
  const TomlValues values(file, variables);
  const toml::table root = parse_toml(text, file);
  values.expect_keys(root, "", {"service"});
  const auto* services = root.get("service");
  if (services == nullptr || !services->is_array() || services->as_array()->empty()) {
    throw Error(ErrorCode::kConfiguration, fmt::format("{} has no [[service]]", file.string()), {},
                "`holdfast stats --print-prices` prints a file to begin with.");
  }
  std::vector<Prices> prices;
  for (const toml::node& service : *services->as_array()) {
    prices.push_back(read_service(values, service));
  }
  return prices;
}

}  // namespace holdfast::service
