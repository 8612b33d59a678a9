#include "service/collection_toml.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/size.h"
#include "service/nearest_word.h"

namespace holdfast::service {
namespace {

using engine::ChildTable;
using engine::Collection;
using engine::DeleteCascade;
using engine::FieldMapping;

using Texts = std::vector<std::string>;

// What a table and a child of it have in common to say.
class SectionReader {
 public:
  SectionReader(const TomlValues& values, const toml::table& fields, std::string section)
      : values_(values), fields_(fields), section_(std::move(section)) {}

  std::string text(std::string_view name) const {
    const auto* node = fields_.get(name);
    return node == nullptr ? std::string() : values_.text(*node, name);
  }
  Texts texts(std::string_view name) const {
    const auto* node = fields_.get(name);
    return node == nullptr ? Texts() : values_.texts(*node, name);
  }

  std::vector<FieldMapping> mappings() const {
    std::vector<FieldMapping> mappings;
    const auto* node = fields_.get("fields");
    if (node == nullptr) return mappings;
    const std::string section = section_ + ".fields";
    for (const auto& [key, value] : values_.table(*node, section)) {
      FieldMapping mapping{.path = engine::parse_field_path(key.str()), .column = {}};
      if (const auto* column = value.as_table()) {
        const std::string here = fmt::format("{}.{}", section, key.str());
        values_.expect_keys(*column, here, {"column", "as"});
        mapping.column = column->contains("column") ? values_.text(*column->get("column"), "column")
                                                    : mapping.path.back();
        if (const auto* as = column->get("as")) {
          if (values_.text(*as, "as") != "json") {
            throw values_.wrong(*as, "\"as\" can only be \"json\"");
          }
          mapping.json = true;
        }
      } else {
        mapping.column = values_.text(value, key.str());
      }
      if (std::ranges::any_of(mapping.path, &std::string::empty)) {
        throw values_.wrong(value, fmt::format("the field \"{}\" has an empty name", key.str()));
      }
      if (std::ranges::find(mappings, mapping.column, &FieldMapping::column) != mappings.end()) {
        throw values_.wrong(
            value, fmt::format("the column \"{}\" is named by two fields", mapping.column));
      }
      mappings.push_back(std::move(mapping));
    }
    return mappings;
  }

 private:
  const TomlValues& values_;
  const toml::table& fields_;
  std::string section_;
};

template <typename Member>
void sort_as_written(std::vector<std::pair<toml::source_position, Member>>& found) {
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return std::pair(a.first.line, a.first.column) < std::pair(b.first.line, b.first.column);
  });
}

ChildTable read_child(const TomlValues& values, const toml::node& node, const std::string& name,
                      const std::string& section) {
  const toml::table& fields = values.table(node, section);
  values.expect_keys(fields, section,
                     {"table", "parent", "references", "variant", "revision", "fields", "create"});
  const SectionReader reader(values, fields, section);
  ChildTable child{.name = name,
                   .table = reader.text("table"),
                   .parent = reader.texts("parent"),
                   .references = reader.texts("references"),
                   .variant = reader.text("variant"),
                   .revision = reader.text("revision"),
                   .fields = reader.mappings(),
                   .create = reader.text("create")};
  if (child.table.empty()) child.table = name;
  if (child.parent.empty()) {
    throw values.wrong(
        node, fmt::format("[{}] needs \"parent\": its columns that say whose it is", section));
  }
  if (child.variant.empty() != child.revision.empty()) {
    throw values.wrong(
        node, fmt::format("[{}] needs both \"variant\" and \"revision\", or neither", section));
  }
  return child;
}

DeleteCascade read_cascade(const TomlValues& values, const toml::node& node) {
  const toml::table& fields = values.table(node, "cascades");
  values.expect_keys(fields, "cascades", {"table", "columns", "references"});
  const SectionReader reader(values, fields, "cascades");
  DeleteCascade cascade{.table = reader.text("table"),
                        .columns = reader.texts("columns"),
                        .references = reader.texts("references")};
  if (cascade.table.empty() || cascade.columns.empty()) {
    throw values.wrong(node, "a cascade needs \"table\" and \"columns\"");
  }
  return cascade;
}

nlohmann::json json_of(const TomlValues& values, const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* real = node.as_floating_point()) return real->get();
  if (const auto* truth = node.as_boolean()) return truth->get();
  if (const auto* list = node.as_array()) {
    auto json = nlohmann::json::array();
    for (const toml::node& item : *list) json.push_back(json_of(values, item));
    return json;
  }
  if (const auto* fields = node.as_table()) {
    auto json = nlohmann::json::object();
    for (const auto& [key, value] : *fields) json[std::string(key.str())] = json_of(values, value);
    return json;
  }
  throw values.wrong(node,
                     "a default must be a text, a number, true or false, a list or a section");
}

std::string read_route(const TomlValues& values, const toml::node& node) {
  std::string route = values.text(node, "route");
  const bool plain = std::ranges::all_of(route, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("/-_.~").find(c) != std::string_view::npos;
  });
  if (!route.starts_with('/') || route.size() < 2 || route.ends_with('/') || !plain) {
    throw values.wrong(node, "\"route\" must be a path such as \"/api/campaigns\"");
  }
  if (route == "/v1" || route.starts_with("/v1/")) {
    throw values.wrong(node, "\"route\" cannot be below /v1, which Holdfast keeps for itself");
  }
  return route;
}

void read_alias(const TomlValues& values, const toml::node& node, Collection& collection) {
  const toml::table& alias = values.table(node, "alias");
  values.expect_keys(alias, "alias", {"prefix", "stored"});
  const auto* prefix = alias.get("prefix");
  if (prefix == nullptr) throw values.wrong(node, "\"alias\" needs a \"prefix\"");
  collection.alias_prefix = values.text(*prefix, "prefix");
  if (const auto* stored = alias.get("stored")) {
    if (!stored->is_boolean()) throw values.wrong(*stored, "\"stored\" must be true or false");
    collection.alias_stored = stored->as_boolean()->get();
  }
}

std::string read_database(const TomlValues& values, const toml::node& section,
                          const toml::node* node, const Texts& databases) {
  if (node == nullptr) {
    if (databases.size() == 1) return databases.front();
    throw values.wrong(section, "a collection needs \"database\": there is not just one");
  }
  std::string name = values.text(*node, "database");
  if (std::ranges::find(databases, name) == databases.end()) {
    const std::string near = nearest_word(name, databases);
    throw values.wrong(
        *node, fmt::format("no database \"{}\" is configured{}", name,
                           near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  }
  return name;
}

Collection read_collection(const TomlValues& values, const toml::node& node,
                           const std::string& name, const Texts& databases) {
  const std::string section = "collections." + name;
  const toml::table& fields = values.table(node, section);
  values.expect_keys(fields, section,
                     {"database", "table", "key", "fields", "children", "cascades", "create",
                      "route", "alias", "defaults"});
  const SectionReader reader(values, fields, section);
  Collection collection{.name = name,
                        .database = read_database(values, node, fields.get("database"), databases),
                        .table = reader.text("table"),
                        .key = reader.texts("key"),
                        .fields = reader.mappings(),
                        .children = {},
                        .cascades = {},
                        .create = reader.text("create"),
                        .route = {},
                        .alias_prefix = {}};
  if (collection.table.empty()) collection.table = name;
  if (const auto* route = fields.get("route")) collection.route = read_route(values, *route);
  if (const auto* alias = fields.get("alias")) read_alias(values, *alias, collection);
  if (const auto* defaults = fields.get("defaults")) {
    collection.defaults = json_of(values, values.table(*defaults, section + ".defaults"));
  }
  if (const auto* children = fields.get("children")) {
    std::vector<std::pair<toml::source_position, ChildTable>> found;
    for (const auto& [key, child] : values.table(*children, section + ".children")) {
      found.emplace_back(key.source().begin,
                         read_child(values, child, std::string(key.str()),
                                    fmt::format("{}.children.{}", section, key.str())));
    }
    sort_as_written(found);
    for (auto& [position, child] : found) collection.children.push_back(std::move(child));
  }
  if (const auto* cascades = fields.get("cascades")) {
    const auto* list = cascades->as_array();
    if (list == nullptr) {
      throw values.wrong(
          *cascades,
          R"("cascades" must be a list, such as [{ table = "notes", columns = ["video_id"] }])");
    }
    for (const toml::node& item : *list) collection.cascades.push_back(read_cascade(values, item));
  }
  return collection;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
  });
}

}  // namespace

std::vector<Collection> read_collections(const TomlValues& values, const toml::node& node,
                                         const Texts& databases) {
  std::vector<std::pair<toml::source_position, Collection>> found;
  for (const auto& [key, value] : values.table(node, "collections")) {
    const std::string name(key.str());
    if (!is_name(name)) {
      throw values.wrong(value, fmt::format("\"{}\" cannot be the name of a collection: up to 64 "
                                            "letters, digits, '-' and '_'",
                                            name));
    }
    found.emplace_back(key.source().begin, read_collection(values, value, name, databases));
    const std::string& route = found.back().second.route;
    const auto same = [&](const auto& other) { return other.second.route == route; };
    if (!route.empty() && std::ranges::count_if(found, same) > 1) {
      throw values.wrong(value, fmt::format("the route \"{}\" is taken twice", route));
    }
  }
  sort_as_written(found);
  std::vector<Collection> collections;
  for (auto& [position, collection] : found) collections.push_back(std::move(collection));
  return collections;
}

RecordSettings read_record_settings(const TomlValues& values, const toml::node& node) {
  const toml::table& fields = values.table(node, "records");
  values.expect_keys(fields, "records",
                     {"spool", "emergency", "spool_limit", "patience", "own_tables"});
  RecordSettings settings;
  if (const auto* said = fields.get("spool")) {
    settings.spool = values.path(values.text(*said, "spool"));
  }
  if (const auto* said = fields.get("emergency")) {
    settings.emergency = values.path(values.text(*said, "emergency"));
  }
  if (const auto* said = fields.get("spool_limit")) {
    const auto size = parse_size(values.text(*said, "spool_limit"));
    if (!size) throw values.wrong(*said, "\"spool_limit\" must be a size such as \"1GB\"");
    settings.spool_limit = *size;
  }
  if (const auto* said = fields.get("patience")) {
    settings.patience = values.span(*said, "patience");
  }
  if (const auto* said = fields.get("own_tables")) {
    const std::string where = values.text(*said, "own_tables");
    if (where != "inside" && where != "beside") {
      throw values.wrong(*said, "\"own_tables\" must be \"inside\" or \"beside\"");
    }
    settings.own_tables_beside = where == "beside";
  }
  return settings;
}

}  // namespace holdfast::service
