// A schema of its own in a PostgreSQL database, with copies of some tables: something to try things
// on beside the tables of an application, which are only read.
#ifndef HOLDFAST_POSTGRES_SCRATCH_SCHEMA_H_
#define HOLDFAST_POSTGRES_SCRATCH_SCHEMA_H_

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection.h"

namespace holdfast::postgres {

struct TableToCopy {
  std::string table;   // by its name in the search path, or as schema.table
  std::string create;  // statements that make it where it is missing; may be empty
  bool with_row = false;
};

// Copies have columns, defaults, checks, keys, indexes and foreign keys. Not copied are triggers,
// since nobody can tell what else they write to, and defaults that call functions of the user's;
// sequences are new ones. Tables are unlogged: no publication sends them anywhere. One that is
// referred to is copied, too.
//
// By one thread at a time. What fails throws Error. Nobody else's transaction waits for it, save
// one that would change these tables while they are looked at.
class ScratchSchema {
 public:
  // Makes the schema; those that others of this kind have left behind are removed. Throws
  // kPermissionDenied, with the GRANT that is missing.
  ScratchSchema(std::string url, Timeouts timeouts);
  // Removes it, unless remove() has; if that fails, the next one that is made here will.
  ~ScratchSchema();
  ScratchSchema(const ScratchSchema&) = delete;
  ScratchSchema& operator=(const ScratchSchema&) = delete;

  // Once. Each table that is there, or can be made, is copied, and where that is said one of its
  // rows with it.
  void copy(std::span<const TableToCopy> tables);
  // What the copy of a table is called; empty if there is none.
  std::string name_of(std::string_view table) const;
  // Takes the rows out again that copy() has brought, and puts in what they refer to. The first
  // time foreign keys come with it; later it is the way back to this state.
  void reset();
  void remove();

  // Tables with triggers, which the copies lack.
  const std::vector<std::string>& with_triggers() const { return with_triggers_; }
  const std::string& name() const { return name_; }
  // Names are looked for in the schema, and where the user's own search path says. `alone`: only in
  // the schema.
  std::string url(bool alone = false) const;

 private:
  struct Copy {
    std::string source;                   // as the server writes it, with its schema
    std::string name, live, start;        // our name for it; quoted, with the schema
    std::string columns;                  // a list of them, quoted
    std::vector<std::string> references;  // foreign keys, as SQL
  };
  struct Reference {
    std::string child, parent;  // tables that are copied, as the server writes them
    std::string child_columns, parent_columns;
    std::string definition;  // as the server writes it
    std::string name;
  };

  std::string ask(const std::string& sql, std::span<const std::string> values = {});
  void make_schema();
  void remove_left_behind();
  std::string find(const std::string& table);  // empty: there is none
  std::string source_of(const TableToCopy& table);
  void add(const std::string& source, std::string_view wanted_name, bool with_row);
  void own_defaults(const Copy& copy);
  void copy_referenced();
  std::vector<Reference> references_of(const std::string& source);
  void copy_parents(const Reference& reference, std::uint64_t& rows);
  void advance_sequences(const Copy& copy);

  const std::string url_;
  const Timeouts timeouts_;
  const std::string name_;
  Connection connection_;
  std::string search_path_;                          // the user's own
  std::map<std::string, std::string> by_asked_;      // the source, by the name it was asked for
  std::map<std::string, Copy, std::less<>> copies_;  // by source
  std::vector<Reference> references_;
  std::vector<std::string> made_;  // tables by `create`, which are copied as the user's are
  std::vector<std::string> with_triggers_;
  bool connected_ = false, removed_ = true;
};

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_SCRATCH_SCHEMA_H_
