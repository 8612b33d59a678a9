// What the configuration says about a collection: JSON records that are rows of one table, with
// rows of child tables that belong to them. Plain data; service/collection_toml.h reads it, and
// record_mapping.h lays it over the columns that the table really has. docs/records.md is the
// reference.
#ifndef HOLDFAST_ENGINE_RECORDS_COLLECTION_H_
#define HOLDFAST_ENGINE_RECORDS_COLLECTION_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine {

// Of a field in a record: {"stats", "total_matches"} is record["stats"]["total_matches"]. Never
// empty.
using FieldPath = std::vector<std::string>;
// "stats.total_matches"; a dot or backslash within a name is written with a backslash before it.
FieldPath parse_field_path(std::string_view text);
std::string field_path_text(const FieldPath& path);
// Null if the record has no such field.
const nlohmann::json* field_at(const nlohmann::json& record, const FieldPath& path);

struct FieldMapping {
  FieldPath path;
  std::string column;
  bool json = false;  // the column holds a whole document as JSON
};

// Rows that belong to a record and are part of it: record[name]. With `variant`, that is an object,
// variant → the child with the highest revision; a changed child is added as a new revision, and an
// equal one is not. Without, it is a list, which a save replaces as a whole.
struct ChildTable {
  std::string name;                     // the field of the record
  std::string table;                    //
  std::vector<std::string> parent;      // its columns that say whose row it is …
  std::vector<std::string> references;  // … by these columns of the record; empty: its key
  std::string variant, revision;        // columns; both empty or both not
  std::vector<FieldMapping> fields;     // as in Collection
  std::string create;                   // as in Collection
};

// Rows that go when the record is deleted and are no part of it.
struct DeleteCascade {
  std::string table;
  std::vector<std::string> columns, references;  // as parent and references of ChildTable
};

struct Collection {
  std::string name, database, table;
  std::vector<std::string> key;      // columns; empty: the primary key of the table
  std::vector<FieldMapping> fields;  // only what differs: otherwise a field is called as its column
  std::vector<ChildTable> children;
  std::vector<DeleteCascade> cascades;  // beside the children, which always go
  std::string create;                   // CREATE … IF NOT EXISTS; several statements; may be empty
  std::string route;                    // "/api/campaigns"; empty: only /v1/collections/NAME
  // A key may be given with or without this before it: "yt:" lets "yt:abc" and "abc" mean the same
  // record. It stands in front of the stored key if the stored keys have it, and is left out if
  // they have not: `alias_stored` says which.
  std::string alias_prefix;
  bool alias_stored = false;
  // By name of the field, for new records that leave it out. An object.
  nlohmann::json defaults = nlohmann::json::object();
};

}  // namespace holdfast::engine

#endif  // HOLDFAST_ENGINE_RECORDS_COLLECTION_H_
