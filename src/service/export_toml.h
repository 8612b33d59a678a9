// [[databases.NAME.exports]] of holdfast.toml. Includes toml++.
//
//   [[databases.app.exports]]
//   collection = "videos"          # may be left out where the database has only one
//   file = "results.json"          # relative to the folder of holdfast.toml
//   format = "object"              # or array, jsonl, csv, files; by the file's name unless said
//   encoding = "base64"            # by ".b64" at the end of the file's name unless said
#ifndef HOLDFAST_SERVICE_EXPORT_TOML_H_
#define HOLDFAST_SERVICE_EXPORT_TOML_H_

#include "service/configuration.h"
#include "service/toml_values.h"

namespace holdfast::service {

// `databases` is the node of that name. Fills in `exports` of each database of `configuration`,
// whose collections are known by now.
void read_exports(const TomlValues& values, const toml::node& databases,
                  Configuration& configuration);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_EXPORT_TOML_H_
