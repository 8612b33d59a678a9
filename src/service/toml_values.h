// The values of holdfast.toml, and what is said when one is wrong. Includes toml++: only for the
// files that read the configuration.
#ifndef HOLDFAST_SERVICE_TOML_VALUES_H_
#define HOLDFAST_SERVICE_TOML_VALUES_H_

#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "service/environment.h"

namespace holdfast::service {

// Throws kConfiguration with file, line and column.
toml::table parse_toml(std::string_view text, const env::Path& file);

// Every member throws kConfiguration with file, line and what was probably meant.
class TomlValues {
 public:
  // Both must outlive it.
  TomlValues(const env::Path& file, const Variables& variables)
      : file_(file), variables_(variables) {}

  Error wrong(const toml::node& node, std::string_view problem, std::string next = {}) const;
  // `section` "" is the whole file.
  void expect_keys(const toml::table& table, std::string_view section,
                   const std::vector<std::string>& known) const;

  const toml::table& table(const toml::node& node, std::string_view name) const;
  std::string text(const toml::node& node, std::string_view name) const;
  std::vector<std::string> texts(const toml::node& node, std::string_view name) const;
  int integer(const toml::node& node, std::string_view name, std::int64_t least, std::int64_t most,
              std::string_view range) const;
  double number(const toml::node& node, std::string_view name) const;
  // A span without months and years, whose length depends on when they are.
  std::chrono::seconds span(const toml::node& node, std::string_view name) const;
  // The same, or "off", which is 0.
  std::chrono::seconds span_or_off(const toml::node& node, std::string_view name) const;
  // Relative to the folder of the file.
  env::Path path(std::string_view said) const;

 private:
  const env::Path& file_;
  const Variables& variables_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_TOML_VALUES_H_
