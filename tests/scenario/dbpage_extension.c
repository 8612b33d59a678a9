/* The virtual table sqlite_dbpage, read-only, for a `sqlite3` that was built without it (Debian's is): its `.recover`
** needs it. It hands out pages as they are in the database file, through SQLite's own handle of that file. */
#include <sqlite3ext.h>
#include <string.h>
SQLITE_EXTENSION_INIT1

enum { PGNO, DATA, SCHEMA };

typedef struct {
  sqlite3_vtab base;
  sqlite3 *db;
} Table;

typedef struct {
  sqlite3_vtab_cursor base;
  sqlite3_int64 page, last;
  int size;
  sqlite3_file *file;
} Cursor;

static int connect(sqlite3 *db, void *unused, int argc, const char *const *argv, sqlite3_vtab **out, char **error) {
  (void)unused, (void)argc, (void)argv, (void)error;
  int result = sqlite3_declare_vtab(db, "CREATE TABLE x(pgno INTEGER PRIMARY KEY, data BLOB, schema HIDDEN)");
  if (result != SQLITE_OK) return result;
  Table *table = sqlite3_malloc(sizeof *table);
  if (!table) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->db = db;
  *out = &table->base;
  return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *table) {
  sqlite3_free(table);
  return SQLITE_OK;
}

/* The arguments are the schema and the page, as far as they are given: bits 1 and 2 of the plan. */
static int best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  (void)table;
  int argument = 0;
  for (int wanted = SCHEMA; wanted >= PGNO; wanted -= SCHEMA - PGNO) {
    for (int i = 0; i < info->nConstraint; ++i) {
      if (info->aConstraint[i].iColumn != wanted || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
      if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT;
      info->aConstraintUsage[i].argvIndex = ++argument;
      info->aConstraintUsage[i].omit = 1;
      info->idxNum |= wanted == SCHEMA ? 1 : 2;
      break;
    }
  }
  info->estimatedCost = info->idxNum & 2 ? 1 : 1e6;
  return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out) {
  (void)table;
  Cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *out = &cursor->base;
  return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor) {
  sqlite3_free(cursor);
  return SQLITE_OK;
}

static sqlite3_int64 pragma(sqlite3 *db, const char *schema, const char *name) {
  sqlite3_stmt *statement = 0;
  sqlite3_int64 value = 0;
  char *sql = sqlite3_mprintf("PRAGMA \"%w\".%s", schema, name);
  if (sql && sqlite3_prepare_v2(db, sql, -1, &statement, 0) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
    value = sqlite3_column_int64(statement, 0);
  }
  sqlite3_finalize(statement);
  sqlite3_free(sql);
  return value;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *unused, int argc, sqlite3_value **argv) {
  (void)unused, (void)argc;
  Cursor *cursor = (Cursor *)base;
  sqlite3 *db = ((Table *)base->pVtab)->db;
  const char *schema = plan & 1 ? (const char *)sqlite3_value_text(argv[0]) : "main";
  if (!schema) schema = "main";
  cursor->size = (int)pragma(db, schema, "page_size");
  cursor->page = 1;
  cursor->last = pragma(db, schema, "page_count");
  if (plan & 2) {
    sqlite3_int64 wanted = sqlite3_value_int64(argv[plan & 1]);
    if (wanted < 1 || wanted > cursor->last) wanted = cursor->last + 1;
    cursor->page = wanted;
    if (wanted < cursor->last) cursor->last = wanted;
  }
  return sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &cursor->file);
}

static int next(sqlite3_vtab_cursor *base) {
  ++((Cursor *)base)->page;
  return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *base) {
  const Cursor *cursor = (const Cursor *)base;
  return cursor->page > cursor->last;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index) {
  const Cursor *cursor = (const Cursor *)base;
  if (index == PGNO) sqlite3_result_int64(context, cursor->page);
  if (index != DATA) return SQLITE_OK;
  void *page = sqlite3_malloc(cursor->size);
  if (!page) return SQLITE_NOMEM;
  int result = cursor->file->pMethods->xRead(cursor->file, page, cursor->size, (cursor->page - 1) * cursor->size);
  if (result == SQLITE_IOERR_SHORT_READ) result = SQLITE_OK;
  if (result == SQLITE_OK) sqlite3_result_blob(context, page, cursor->size, SQLITE_TRANSIENT);
  sqlite3_free(page);
  return result;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *id) {
  *id = ((const Cursor *)base)->page;
  return SQLITE_OK;
}

static sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = row_id,
};

int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  return sqlite3_create_module(db, "sqlite_dbpage", &module, 0);
}
