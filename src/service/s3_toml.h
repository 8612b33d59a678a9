// What holdfast.toml says of a place in S3 beside its URL. docs/s3.md is the reference.
#ifndef HOLDFAST_SERVICE_S3_TOML_H_
#define HOLDFAST_SERVICE_S3_TOML_H_

#include <string>

#include "service/toml_values.h"

namespace holdfast::service {

// `place` with the options of the section `s3` of a [[repository]] in its URL: from there on they
// are one. Throws for what cannot be, and for an option that the URL says too.
std::string with_s3_options(const TomlValues& values, const toml::node& node,
                            const std::string& place);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_S3_TOML_H_
