#include "postgres/scratch_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "env/randomness.h"
#include "postgres/sql_text.h"

namespace holdfast::postgres {
namespace {

constexpr std::string_view kPrefix = "holdfast_selftest_";
constexpr int kScratchLock = 0x686f6c64;  // "hold": held by whoever uses the schema
constexpr int kDeepestReference = 8;

constexpr const char* kRightsSql =
    "SELECT has_database_privilege(current_database(), 'CREATE'), quote_ident(current_database()),"
    " quote_ident(current_user), current_setting('search_path')";

// Of schemas by our pattern only those that nobody holds.
constexpr const char* kLeftBehindSql =
    "SELECT nspname FROM pg_namespace WHERE nspname ~ '^holdfast_selftest_[0-9a-f]{16}$'"
    " AND pg_has_role(nspowner, 'USAGE')";

constexpr const char* kColumnListSql =
    "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
    " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";

// Defaults that would move a sequence of the user's, or call a function of theirs, which may do
// anything. Functions of extensions are no more theirs than those of PostgreSQL.
constexpr const char* kForeignDefaultsSql =
    "SELECT quote_ident(a.attname), coalesce(nullif(t.typbasetype, 0), t.oid) IN"
    " ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)"
    " FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
    " JOIN pg_type t ON t.oid = a.atttypid"
    " WHERE d.adrelid = $1::regclass AND a.attgenerated = ''"
    " AND (pg_get_expr(d.adbin, d.adrelid) ~* 'nextval|setval' OR EXISTS ("
    "SELECT FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid"
    " AND u.refclassid = 'pg_proc'::regclass AND NOT EXISTS (SELECT FROM pg_depend e"
    " WHERE e.classid = 'pg_proc'::regclass AND e.objid = u.refobjid AND e.deptype = 'e')))";

constexpr const char* kSequencesSql =
    "SELECT quote_ident(attname), pg_get_serial_sequence($1::text, attname) FROM pg_attribute"
    " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
    " AND pg_get_serial_sequence($1::text, attname) IS NOT NULL";

constexpr const char* kReferencesSql =
    "SELECT n.confrelid::regclass::text, pg_get_constraintdef(n.oid), quote_ident(n.conname),"
    " (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY array_position(n.conkey, a.attnum))"
    "  FROM pg_attribute a WHERE a.attrelid = n.conrelid AND a.attnum = ANY (n.conkey)),"
    " (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY array_position(n.confkey, a.attnum))"
    "  FROM pg_attribute a WHERE a.attrelid = n.confrelid AND a.attnum = ANY (n.confkey))"
    " FROM pg_constraint n WHERE n.contype = 'f' AND n.conparentid = 0"
    " AND n.conrelid = $1::regclass AND has_table_privilege(n.confrelid, 'SELECT')";

// What a `create` statement has made or written elsewhere.
constexpr const char* kStraySql =
    "SELECT (SELECT count(*) FROM pg_class WHERE xmin = pg_current_xact_id()::xid"
    " AND relnamespace NOT IN ($1::text::regnamespace, 'pg_toast'::regnamespace))"
    " + (SELECT count(*) FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
    " AND schemaname <> $1::text)";

constexpr const char* kOwnTablesSql =
    "SELECT c.oid::regclass::text, c.relpersistence = 'p' FROM pg_class c"
    " WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'"
    " AND c.relname LIKE '\\_holdfast\\_%'";

}  // namespace

ScratchSchema::ScratchSchema(std::string url, Timeouts timeouts)
    : url_(std::move(url)),
      timeouts_(timeouts),
      name_(fmt::format("{}{}", kPrefix, env::random_name())),
      connection_(Address(url_), timeouts) {
  remove_left_behind();
  make_schema();
}

ScratchSchema::~ScratchSchema() {
  try {
    remove();
  } catch (const Error&) {
    // A destructor cannot say so; what is left behind is removed the next time.
  }
}

std::string ScratchSchema::ask(const std::string& sql, std::span<const std::string> values) {
  std::vector<Value> held(values.begin(), values.end());
  std::vector<Bound> bound;
  for (const Value& value : held) bound.push_back({.value = &value, .column = "name"});
  const Result result = connection_.query(sql, bound);
  if (result.rows() == 0 || result.is_null(0, 0)) return {};
  return std::string(result.text(0, 0));
}

void ScratchSchema::make_schema() {
  const Result rights = connection_.query(kRightsSql);
  search_path_ = rights.text(0, 3);
  if (!rights.truth(0, 0)) {
    throw Error(ErrorCode::kPermissionDenied,
                fmt::format("{} may not make a schema in the database {}", rights.text(0, 2),
                            rights.text(0, 1)),
                "Nothing was made or changed in the database.",
                fmt::format("Let the database's owner run: GRANT CREATE ON DATABASE {} TO {}",
                            rights.text(0, 1), rights.text(0, 2)));
  }
  // Nobody may find it before it is held.
  connection_.script(
      fmt::format("BEGIN; SELECT pg_advisory_lock({0}, hashtext('{1}')); CREATE SCHEMA {1};"
                  "COMMENT ON SCHEMA {1} IS 'Of holdfast selftest, for as long as it runs'; COMMIT",
                  kScratchLock, name_));
  removed_ = false;
}

void ScratchSchema::remove_left_behind() {
  const Result schemas = connection_.query(kLeftBehindSql);
  for (std::size_t i = 0; i < schemas.rows(); ++i) {
    const std::string schema(schemas.text(i, 0));
    const std::string lock = fmt::format("({}, hashtext('{}'))", kScratchLock, schema);
    if (ask("SELECT pg_try_advisory_lock" + lock) != "t") continue;
    try {
      connection_.script(fmt::format("DROP SCHEMA IF EXISTS {} CASCADE", schema));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kUnavailable) throw;  // else it is the next one's
    }
    ask("SELECT pg_advisory_unlock" + lock);
  }
}

void ScratchSchema::remove() {
  if (std::exchange(removed_, true)) return;
  // A dump of the whole database may hold it for a while.
  const std::string drop =
      fmt::format("SET lock_timeout = '10s'; DROP SCHEMA IF EXISTS {} CASCADE", name_);
  if (!connection_.lost()) {
    connection_.rollback();
    try {
      connection_.script(drop);
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnavailable) throw;
    }
  }
  Connection(Address(url_), timeouts_).script(drop);
}

std::string ScratchSchema::url(bool alone) const {
  return with_search_path(
      url_, alone || search_path_.empty() ? name_ : fmt::format("{}, {}", name_, search_path_));
}

std::string ScratchSchema::name_of(std::string_view table) const {
  const auto source = by_asked_.find(std::string(table));
  return source == by_asked_.end() ? std::string() : copies_.at(source->second).name;
}

std::string ScratchSchema::find(const std::string& table) {
  const std::vector<std::string> name{quoted_table(table)};
  return ask(
      "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c"
      " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
      name);
}

// Where its copy is made from. What `create` makes is in the schema already, under another name.
std::string ScratchSchema::source_of(const TableToCopy& table) {
  std::string source = find(table.table);
  if (source.empty() && !table.create.empty()) {
    connection_.script(table.create);
    source = find(table.table);
    const std::vector<std::string> own{name_};
    if (!source.starts_with(name_ + ".") || ask(kStraySql, own) != "0") {
      throw Error(ErrorCode::kConfiguration,
                  fmt::format("the table {} is missing, and what its `create` says would be made "
                              "or changed outside of a scratch schema",
                              table.table),
                  "Nothing was made or changed in the database.",
                  "Leave the schema out of its name, or make the table first.");
    }
  }
  if (!source.starts_with(name_ + ".")) return source;
  made_.push_back(fmt::format("{}.\"made {}\"", name_, made_.size()));
  connection_.script(fmt::format("ALTER TABLE {} RENAME TO \"made {}\"", source, made_.size() - 1));
  return made_.back();
}

void ScratchSchema::copy(std::span<const TableToCopy> tables) {
  try {
    connection_.script(fmt::format("BEGIN; SET LOCAL search_path = {}, {}", name_, search_path_));
    std::vector<std::string> sources;
    for (const TableToCopy& table : tables) {
      const auto first = std::ranges::find(tables, table.table, &TableToCopy::table);
      sources.push_back(&*first == &table ? source_of(table) : std::string());
    }
    // So the server writes every name with its schema.
    connection_.script("SET LOCAL search_path = ''");
    for (std::size_t i = 0; i < tables.size(); ++i) {
      if (sources[i].empty()) continue;
      const std::string& asked = tables[i].table;
      add(sources[i], std::string_view(asked).substr(asked.find('.') + 1), tables[i].with_row);
      by_asked_[asked] = sources[i];
    }
    copy_referenced();
    for (const auto& [source, copy] : copies_) advance_sequences(copy);
    for (const std::string& made : made_) {
      connection_.script(fmt::format("DROP TABLE {} CASCADE", made));
    }
    connection_.script("COMMIT");
  } catch (const Error&) {
    connection_.rollback();
    throw;
  }
}

void ScratchSchema::add(const std::string& source, std::string_view wanted_name, bool with_row) {
  if (copies_.contains(source)) return;
  Copy copy;
  copy.source = source;
  copy.name = wanted_name;
  const auto taken = [&](const auto& other) { return other.second.name == copy.name; };
  while (std::ranges::any_of(copies_, taken)) copy.name = "other_" + copy.name;
  copy.live = fmt::format("{}.{}", name_, quoted_name(copy.name));
  copy.start = fmt::format("{}.\"start {}\"", name_, copies_.size());
  const std::vector<std::string> by_source{source};
  copy.columns = ask(kColumnListSql, by_source);
  connection_.script(
      fmt::format("CREATE UNLOGGED TABLE {} (LIKE {} INCLUDING ALL);"
                  "CREATE UNLOGGED TABLE {} (LIKE {} INCLUDING GENERATED)",
                  copy.live, source, copy.start, source));
  own_defaults(copy);
  if (with_row) {
    connection_.script(
        fmt::format("INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM {2} LIMIT 1",
                    copy.live, copy.columns, source));
  }
  const bool has_triggers = ask("SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = "
                                "$1::regclass AND NOT tgisinternal)",
                                by_source) == "t";
  if (has_triggers) with_triggers_.push_back(copy.name);
  copies_.emplace(source, std::move(copy));
}

void ScratchSchema::own_defaults(const Copy& copy) {
  const Value source = copy.source;
  const std::array<Bound, 1> by_source{Bound{.value = &source, .column = "table"}};
  const Result defaults = connection_.query(kForeignDefaultsSql, by_source);
  for (std::size_t i = 0; i < defaults.rows(); ++i) {
    const auto column = defaults.text(i, 0);
    if (!defaults.truth(i, 1)) {
      connection_.script(
          fmt::format("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT", copy.live, column));
      continue;
    }
    const std::string sequence = fmt::format("{}.\"numbers {} {}\"", name_, copies_.size(), i);
    connection_.script(
        fmt::format("CREATE SEQUENCE {0} OWNED BY {1}.{2};"
                    "ALTER TABLE {1} ALTER COLUMN {2} SET DEFAULT nextval('{0}')",
                    sequence, copy.live, column));
  }
}

// Beyond the rows that are there.
void ScratchSchema::advance_sequences(const Copy& copy) {
  const Value live = copy.live;
  const std::array<Bound, 1> by_name{Bound{.value = &live, .column = "table"}};
  const Result sequences = connection_.query(kSequencesSql, by_name);
  for (std::size_t i = 0; i < sequences.rows(); ++i) {
    connection_.script(
        fmt::format("SELECT setval('{0}', greatest(max(n), 0)::bigint + 1, false) FROM (SELECT {1} "
                    "AS n FROM {2} UNION ALL SELECT {1} FROM {3}) rows",
                    sequences.text(i, 1), sequences.text(i, 0), copy.live, copy.start));
  }
}

std::vector<ScratchSchema::Reference> ScratchSchema::references_of(const std::string& source) {
  const Value table = source;
  const std::array<Bound, 1> by_source{Bound{.value = &table, .column = "table"}};
  const Result found = connection_.query(kReferencesSql, by_source);
  std::vector<Reference> references;
  for (std::size_t i = 0; i < found.rows(); ++i) {
    references.push_back({.child = source,
                          .parent = std::string(found.text(i, 0)),
                          .child_columns = std::string(found.text(i, 3)),
                          .parent_columns = std::string(found.text(i, 4)),
                          .definition = std::string(found.text(i, 1)),
                          .name = std::string(found.text(i, 2))});
  }
  return references;
}

// The tables that are referred to, then their rows.
void ScratchSchema::copy_referenced() {
  std::vector<std::string> unseen;
  for (const auto& [source, copy] : copies_) unseen.push_back(source);
  while (!unseen.empty()) {
    const std::string source = std::exchange(unseen.back(), {});
    unseen.pop_back();
    for (Reference& reference : references_of(source)) {
      if (!copies_.contains(reference.parent)) {
        const Value parent = reference.parent;
        const std::array<Bound, 1> by_name{Bound{.value = &parent, .column = "table"}};
        const Result name =
            connection_.query("SELECT relname FROM pg_class WHERE oid = $1::regclass", by_name);
        add(reference.parent, name.text(0, 0), false);
        unseen.push_back(reference.parent);
      }
      references_.push_back(std::move(reference));
    }
  }
  std::uint64_t rows = 1;
  for (int depth = 0; depth < kDeepestReference && rows > 0; ++depth) {
    rows = 0;
    for (const Reference& reference : references_) copy_parents(reference, rows);
  }
  for (const Reference& reference : references_) {
    const std::string from = fmt::format(" REFERENCES {}(", reference.parent);
    const std::string to = fmt::format(" REFERENCES {}(", copies_.at(reference.parent).live);
    std::string definition = reference.definition;
    const auto at = definition.find(from);
    if (at == std::string::npos) continue;
    definition.replace(at, from.size(), to);
    if (!definition.ends_with(" NOT VALID")) definition += " NOT VALID";
    copies_.at(reference.child)
        .references.push_back(fmt::format("CONSTRAINT {} {}", reference.name, definition));
  }
}

// Not those that a record is to be made of.
void ScratchSchema::copy_parents(const Reference& reference, std::uint64_t& rows) {
  const Copy& child = copies_.at(reference.child);
  const Copy& parent = copies_.at(reference.parent);
  const auto results = connection_.script(
      fmt::format("INSERT INTO {start} ({columns}) SELECT {columns} FROM {source} WHERE ({keys}) IN"
                  " (SELECT {refers} FROM {child} UNION ALL SELECT {refers} FROM {child_start})"
                  " AND ({keys}) NOT IN (SELECT {keys} FROM {start} WHERE ({keys}) IS NOT NULL"
                  " UNION ALL SELECT {keys} FROM {live} WHERE ({keys}) IS NOT NULL)",
                  fmt::arg("start", parent.start), fmt::arg("columns", parent.columns),
                  fmt::arg("source", parent.source), fmt::arg("keys", reference.parent_columns),
                  fmt::arg("refers", reference.child_columns), fmt::arg("child", child.live),
                  fmt::arg("child_start", child.start), fmt::arg("live", parent.live)));
  rows += results.back().affected();
}

void ScratchSchema::reset() {
  std::string script = "BEGIN;", back;
  const Value schema = name_;
  const std::array<Bound, 1> in_schema{Bound{.value = &schema, .column = "schema"}};
  const Result own = connection_.query(kOwnTablesSql, in_schema);
  std::vector<std::string> tables;
  for (std::size_t i = 0; i < own.rows(); ++i) {
    tables.emplace_back(own.text(i, 0));
    if (own.truth(i, 1)) script += fmt::format("ALTER TABLE {} SET UNLOGGED;", tables.back());
  }
  for (const auto& [source, copy] : copies_) {
    tables.push_back(copy.live);
    back += fmt::format("INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM {2};",
                        copy.live, copy.columns, copy.start);
  }
  // Rows may refer to others of the same transaction, in any order, and to some that are taken out.
  for (const Reference& reference : references_) {
    if (!connected_) break;
    script += fmt::format("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {};",
                          copies_.at(reference.child).live, reference.name);
  }
  if (!tables.empty()) script += fmt::format("TRUNCATE {};", fmt::join(tables, ", "));
  script += back;
  for (const auto& [source, copy] : copies_) {
    for (const std::string& reference : copy.references) {
      script += fmt::format("ALTER TABLE {} ADD {};", copy.live, reference);
    }
  }
  try {
    connection_.script(script + "COMMIT");
  } catch (const Error&) {
    connection_.rollback();
    throw;
  }
  connected_ = true;
}

}  // namespace holdfast::postgres
