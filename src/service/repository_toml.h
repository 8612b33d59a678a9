// `repository`, as one place or as a table for each copy, and the policies of retention.
#ifndef HOLDFAST_SERVICE_REPOSITORY_TOML_H_
#define HOLDFAST_SERVICE_REPOSITORY_TOML_H_

#include <string_view>
#include <vector>

#include "repository/retention.h"
#include "service/repository_settings.h"
#include "service/toml_values.h"

namespace holdfast::service {

// All throw kConfiguration.
std::vector<RepositoryConfiguration> read_repositories(const TomlValues& values,
                                                       const toml::node& node);
repository::RetentionPolicy read_policy(const TomlValues& values, const toml::node& node,
                                        std::string_view section);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_REPOSITORY_TOML_H_
