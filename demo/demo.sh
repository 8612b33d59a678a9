#!/bin/bash
# A real database is protected, changed while it is backed up, damaged, deleted, and brought back to two
# different moments, each proved identical to what it was. `./dev demo` builds the program and runs this.
set -euo pipefail

SOURCE=${1:-/usr/share/proj/proj.db}
HOLDFAST=$(realpath "${HOLDFAST:-$(dirname "${BASH_SOURCE[0]}")/../build/release/holdfast}")
SOURCE=$(realpath "$SOURCE")
[[ -x $HOLDFAST ]] || { echo "demo: no program at $HOLDFAST" >&2; exit 1; }

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=stage.sh
source "$HERE/stage.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-demo.XXXXXX")
writer=""
cleanup() {
  local status=$?
  touch "$work/stop"
  [[ -z $writer ]] || wait "$writer" || true
  rm -rf "$work"
  ((status == 0)) || printf '\n%sFAIL%s: the demo did not come to its end.\n' "$red$bold" "$plain"
  exit "$status"
}
trap cleanup EXIT
cd "$work"

export HOLDFAST_REPO=$work/backup
export HOLDFAST_PASSPHRASE="a passphrase only this demo knows"
export XDG_CACHE_HOME=$work/cache
sql() { sqlite3 -cmd '.timeout 10000' "$@"; }
field() {  # FILE PATH
  sqlite3 :memory: "SELECT json_extract(CAST(readfile('$1') AS TEXT), '$2')"
}
# What sqlite3 itself says the content and the schema are, independent of anything of ours.
fingerprint() { sql "$1" '.sha3sum --schema'; }

backup() {
  show holdfast backup app.db
  local begun
  begun=$(now)
  holdfast backup app.db --json >answer.json 2>progress.txt || { cat progress.txt; return 1; }
  spent=$(took "$begun")
  snapshot=$(field answer.json '$.snapshot')
  tell "snapshot ${snapshot:0:12}: $(field answer.json '$.databases[0].pages_changed') of" \
    "$(field answer.json '$.databases[0].pages') pages changed," \
    "$(size "$(field answer.json '$.databases[0].bytes_stored')") stored, $spent"
}

restore() {
  show holdfast restore "${1:0:12}" --yes
  local begun
  begun=$(now)
  holdfast restore "$1" --yes >answer.txt 2>&1 || { cat answer.txt; return 1; }
  tell "restored in $(took "$begun")"
}

prove() {  # EXPECTED WHEN
  local got
  got=$(fingerprint app.db)
  [[ $got == "$1" ]] || fail "sqlite3 says $got, and it was $1 $2"
  [[ $(sql app.db 'PRAGMA integrity_check') == ok ]] || fail "integrity_check is not content"
  tell "${green}identical${plain} to the database as it was $2 (sqlite3 .sha3sum ${got:0:16}…, integrity_check ok)"
}

chapter "A real database"
cp "$SOURCE" app.db
chmod 600 app.db
sql app.db 'PRAGMA journal_mode=WAL' >/dev/null
sql app.db 'CREATE TABLE visit (number INTEGER PRIMARY KEY, at TEXT); CREATE TABLE visit_total (n INTEGER);
  INSERT INTO visit_total VALUES (0);'
read -r tables views triggers <<<"$(sql -separator ' ' app.db "SELECT sum(type = 'table'), sum(type = 'view'),
  sum(type = 'trigger') FROM sqlite_schema")"
tell "$(basename "$SOURCE"): $(size "$(stat -c %s app.db)"), $tables tables, $views views, $triggers triggers"

chapter "Protect it"
show holdfast init
begun=$(now)
holdfast init >init.txt 2>&1 || { cat init.txt; exit 1; }
tell "an encrypted repository in a folder: no server, no account ($(took "$begun"))"
backup
first=$snapshot
first_print=$(fingerprint app.db)

chapter "Change it with the real sqlite3, and back it up while that goes on"
(
  trap - EXIT
  number=0
  while [[ ! -e stop ]]; do
    number=$((number + 1))
    sql app.db "BEGIN IMMEDIATE; INSERT INTO visit VALUES ($number, datetime('now'));
      UPDATE visit_total SET n = n + 1;
      UPDATE extent SET description = description || '.' WHERE (auth_name, code) =
        (SELECT auth_name, code FROM extent LIMIT 1 OFFSET $((number * 37 % 4000)));
      COMMIT;"
  done
) &
writer=$!
during=()
for _ in 1 2 3; do
  sleep 0.2
  backup
  during+=("$snapshot")
done
touch stop
wait "$writer" || fail "sqlite3 could not write while backups ran"
writer=""
tell "$(sql app.db 'SELECT n FROM visit_total') transactions were written meanwhile; each adds a visit and counts it"
for snapshot in "${during[@]}"; do
  holdfast restore "$snapshot" --to moment.db --yes >answer.txt 2>&1 || { cat answer.txt; exit 1; }
  read -r visits counted <<<"$(sql -separator ' ' moment.db 'SELECT (SELECT count(*) FROM visit), n FROM visit_total')"
  [[ $visits == "$counted" ]] || fail "snapshot ${snapshot:0:12} has $visits visits and counted $counted"
  [[ $(sql moment.db 'PRAGMA integrity_check') == ok ]] || fail "snapshot ${snapshot:0:12} is not intact"
  tell "snapshot ${snapshot:0:12} caught the moment between two of them: $visits visits, $counted counted"
  rm -f moment.db moment.db-wal moment.db-shm
done
sql app.db "DELETE FROM alias_name WHERE rowid % 7 = 0; CREATE INDEX visit_at ON visit (at);"
tell "then a seventh of the aliases is deleted, and an index added"
backup
second=$snapshot
second_print=$(fingerprint app.db)
[[ $first_print != "$second_print" ]] || fail "nothing was changed, so nothing could be proved"

chapter "Damage it"
sql app.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
dd if=/dev/urandom of=app.db bs=4096 seek=200 count=100 conv=notrunc status=none
tell "100 pages in the middle are overwritten with noise; sqlite3 now says:"
{ sql app.db 'PRAGMA integrity_check' 2>&1 || true; } | grep -v '^\*\*\*' | sed -n '1,2s/^/    /p' | cut -c 1-100
restore "$second"
prove "$second_print" "before the damage"

chapter "Delete it"
rm -f app.db app.db-wal app.db-shm
tell "app.db is gone"
restore "$first"
prove "$first_print" "at the very first backup"

chapter "And forward again"
restore "$second"
prove "$second_print" "before the damage"

chapter "Is the history itself sound?"
show holdfast verify --all --read-data
begun=$(now)
holdfast verify --all --read-data >answer.txt 2>&1 || { cat answer.txt; exit 1; }
tell "every byte read and every checksum proved in $(took "$begun")"
holdfast snapshots --json >snapshots.json 2>/dev/null
snapshots=$(sqlite3 :memory: "SELECT json_array_length(CAST(readfile('snapshots.json') AS TEXT))")
tell "$snapshots snapshots of a database of $(size "$(stat -c %s app.db)") take $(size "$(folder_size backup)") together"

printf '\n%sPASS%s: protected, changed, damaged, deleted, and brought back, bit for bit.\n' "$green$bold" "$plain"

HOLDFAST=$HOLDFAST "$HERE/deploy.sh"
