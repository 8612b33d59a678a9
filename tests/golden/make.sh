#!/bin/bash
# Makes the golden repository of a version that is about to be released:
#
#     tests/golden/make.sh build/release/holdfast tests/golden/v2
#
# A folder that was once released is never made again: see docs/format.md, "Versions".
# Host name and paths are those of nobody: it runs in namespaces of its own.
set -euo pipefail

if [[ ${1-} != --inside ]]; then
  (($# == 2)) || { sed -n '2,7s/^# \?//p' "$0" >&2; exit 2; }
  [[ ! -e $2 ]] || { echo "$2 is there already" >&2; exit 1; }
  mkdir -p "$2"
  exec unshare --user --map-root-user --uts --mount "$0" --inside "$(realpath "$1")" "$(realpath "$2")"
fi

program=$(mktemp) out=$3
cp "$2" "$program"
chmod +x "$program"
hostname example
mount -t tmpfs none /srv
mkdir -p /srv/notes/bin
mv "$program" /srv/notes/bin/holdfast
cd /srv/notes
export PATH=/srv/notes/bin:/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/srv/notes HOLDFAST_KEY_CACHE=off
export HOLDFAST_REPO=/srv/notes/repository HOLDFAST_PASSPHRASE="one golden passphrase"

change() {
  python3 - "$@" <<'PY'
import sqlite3
import sys

connection = sqlite3.connect("notes.db")
for statement in sys.argv[1:]:
    connection.execute(statement)
connection.commit()
PY
}

back_up() {  # NAME OPTION…
  holdfast backup notes.db --name "$@"
  sha256sum notes.db >"$out/$1.sha256"
}

holdfast init --json | sed -n 's/.*"recovery_code": "\(.*\)".*/\1/p' >recovery_code
change "PRAGMA page_size=512" "PRAGMA journal_mode=WAL" \
  "CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT UNIQUE, body BLOB)" \
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
   INSERT INTO notes(title, body) SELECT 'note ' || i, randomblob(i % 90) FROM n"
back_up first
change "UPDATE notes SET body = upper(title) WHERE id % 7 = 0"
back_up second --tag daily
# So many pages that the map has a node above its leaves.
change "INSERT INTO notes(title, body) VALUES('large', zeroblob(2200000))"
back_up third --tag daily --tag large

cp -r repository "$out/repository"
rm -rf "$out/repository/+tmp"
cat >"$out/README.md" <<TEXT
# A repository made by $(holdfast version | head -n 1)

Three snapshots of one small database, called first, second and third; the last one has a map of height 1.
\`<name>.sha256\` is what the restored database must be.

passphrase: \`$HOLDFAST_PASSPHRASE\`
recovery code: \`$(cat recovery_code)\`

Never changed, never removed: see docs/format.md, "Versions".
TEXT
