#include "service/export_toml.h"

#include <fmt/format.h>

#include <set>

#include "service/nearest_word.h"

namespace holdfast::service {
namespace {

std::string read_collection(const TomlValues& values, const toml::node& node,
                            const toml::table& fields, const std::string& database,
                            const Configuration& configuration) {
  std::vector<std::string> known;
  for (const engine::Collection& collection : configuration.collections) {
    if (collection.database == database) known.push_back(collection.name);
  }
  const auto* said = fields.get("collection");
  if (said == nullptr) {
    if (known.size() == 1) return known.front();
    throw values.wrong(node, fmt::format("an export of {} needs a \"collection\"", database));
  }
  const std::string name = values.text(*said, "collection");
  if (std::ranges::find(known, name) == known.end()) {
    const std::string near = nearest_word(name, known);
    throw values.wrong(
        *said, fmt::format("{} has no collection \"{}\"{}", database, name,
                           near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  }
  return name;
}

engine::ExportTarget read_target(const TomlValues& values, const toml::node& node,
                                 const std::string& database, const Configuration& configuration) {
  const toml::table& fields = values.table(node, "exports");
  values.expect_keys(fields, "exports", {"collection", "file", "format", "encoding", "spare"});
  const auto* file = fields.get("file");
  if (file == nullptr) throw values.wrong(node, "an export needs a \"file\"");
  engine::ExportTarget target{
      .collection = read_collection(values, node, fields, database, configuration),
      .file = values.path(values.text(*file, "file")),
      .format = {},
      .base64 = false};
  target.format = engine::format_of_file(target.file);
  target.base64 = target.file.extension() == ".b64";
  if (const auto* said = fields.get("format")) {
    const auto format = engine::format_of_name(values.text(*said, "format"));
    if (!format) {
      throw values.wrong(
          *said, "\"format\" must be \"object\", \"array\", \"jsonl\", \"csv\" or \"files\"");
    }
    target.format = *format;
  }
  if (const auto* said = fields.get("encoding")) {
    const std::string encoding = values.text(*said, "encoding");
    if (encoding != "base64" && encoding != "none") {
      throw values.wrong(*said, "\"encoding\" must be \"base64\" or \"none\"");
    }
    target.base64 = encoding == "base64";
  }
  if (const auto* said = fields.get("spare")) {
    if (!said->is_boolean()) throw values.wrong(*said, "\"spare\" must be true or false");
    target.spare = said->as_boolean()->get();
  }
  if (target.format == engine::ExportFormat::kFiles) {
    if (target.base64) throw values.wrong(*file, "one file per record is not written in base64");
    if (!target.file.has_filename()) target.file = target.file.parent_path();  // "videos/"
  }
  return target;
}

}  // namespace

void read_exports(const TomlValues& values, const toml::node& databases,
                  Configuration& configuration) {
  std::set<env::Path> taken;
  for (DatabaseConfiguration& database : configuration.databases) {
    const auto* node = values.table(databases, "databases").get(database.name);
    const auto* exports = node->as_table()->get("exports");
    if (exports == nullptr) continue;
    const auto* list = exports->as_array();
    if (list == nullptr) {
      throw values.wrong(
          *exports, fmt::format("exports are written as [[databases.{}.exports]]", database.name));
    }
    for (const toml::node& item : *list) {
      database.exports.push_back(read_target(values, item, database.name, configuration));
      const env::Path& file = database.exports.back().file;
      if (!taken.insert(file).second) {
        throw values.wrong(item, fmt::format("{} is the file of two exports", file.string()));
      }
    }
  }
}

}  // namespace holdfast::service
