#!/bin/bash
# The second act: a campaign service whose disk is wiped by every deploy, started by `holdfast run`. It comes
# back by itself with its twelve campaigns and what a user had added a second before, and without the one
# campaign that must never return. `./dev demo` runs this after the first act.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
HOLDFAST=$(realpath "${HOLDFAST:-$HERE/../build/release/holdfast}")
[[ -x $HOLDFAST ]] || { echo "demo: no program at $HOLDFAST" >&2; exit 1; }
# shellcheck source=stage.sh
source "$HERE/stage.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-demo.XXXXXX")
machine=""  # the process group that a container would be
cleanup() {
  local status=$?
  [[ -z $machine ]] || kill -KILL -- "-$machine" 2>/dev/null || true
  ((status == 0)) || { [[ ! -s $work/boot.txt ]] || sed 's/^/    /' "$work/boot.txt"; }
  rm -rf "$work"
  ((status == 0)) || printf '\n%sFAIL%s: the second act did not come to its end.\n' "$red$bold" "$plain"
  exit "$status"
}
trap cleanup EXIT
cd "$work"

export HOLDFAST_REPO=${DEMO_REPO:-$work/backup}
export HOLDFAST_PASSPHRASE="a passphrase only this demo knows"
service() { python3 -B "$HERE/campaigns.py" "$@"; }

# Everything of the machine is on this disk, our own cache too: a deploy takes all of it.
wipe() { rm -rf "$work/disk"; }

start() {  # [VARIABLE=VALUE…]
  show "$*${*:+ }holdfast run -- python3 campaigns.py serve"
  rm -f port
  begun=$(now)
  env "$@" XDG_CACHE_HOME="$work/disk/cache" setsid "$HOLDFAST" run -- \
    python3 -B "$HERE/campaigns.py" serve disk/campaigns.db port >app.txt 2>boot.txt </dev/null &
  machine=$!
  while [[ ! -e port ]]; do
    kill -0 "$machine" 2>/dev/null || { machine=""; fail "the application never started"; }
    sleep 0.01
  done
  service list port >campaigns.txt
  tell "the service answers after $(took "$begun")"
  { grep -E 'database|restore|import|seed|merge|exclu' boot.txt || true; } |
    sed -n '1,6s/^\(.\{0,150\}\).*/    \1/p'
}

count() { awk -F '\t' "$1"' { n++ } END { print n + 0 }' campaigns.txt; }
twelve='$3 ~ /^Campaign (0[1-9]|1[0-2])$/ && $2 == "active"'
excluded='$3 == "Prizies"'

expect() {  # WHAT AWK-CONDITION NUMBER
  local found
  found=$(count "$2")
  [[ $found == "$3" ]] || fail "$found $1 where $3 should be: $(cut -f 3 campaigns.txt | tr '\n' ',')"
  tell "${green}$found${plain} $1"
}

chapter "Act two: a campaign service on a disk that every deploy wipes"
for number in 01 02 03 04 05 06 07 08 09 10 11 12; do
  echo "INSERT INTO campaigns (id, name, property) VALUES (${number#0}, 'Campaign $number', 'property-$number');"
done >rows.sql
{
  echo "CREATE TABLE IF NOT EXISTS campaigns (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
  echo "  property TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active');"
  cat rows.sql
  echo "INSERT INTO campaigns (id, name, property) VALUES (13, 'Prizies', 'nobody wants it');"
} >campaigns.sql
cat >holdfast.toml <<'TOML'
environment = "$APP_ENV"

[databases.campaigns]
source = "disk/campaigns.db"
seed = "campaigns.sql"
on_violation = "merge"
invariants = [{ name = "twelve", sql = "SELECT count(*) FROM campaigns WHERE status = 'active'", min = 12 }]
exclusions = [{ table = "campaigns", where = "name = 'Prizies'" }]
TOML
sed -n 's/^[a-z].*/    &/p' holdfast.toml | cut -c 1-130
show holdfast init
holdfast init >init.txt 2>&1 || { cat init.txt; exit 1; }

chapter "The first start: nothing is there, so the seed is taken, without the row that may never come back"
start APP_ENV=development
expect "active campaigns" "$twelve" 12
expect "excluded rows" "$excluded" 0

chapter "A user adds a campaign; a second later a deploy kills everything and wipes the disk"
added=$(service add port "Summer at the lake" "lakeside")
tell "POST /api/campaigns: \"Summer at the lake\" has the id $added"
sleep 1
kill -KILL -- "-$machine"
wait "$machine" 2>/dev/null || true
machine=""
wipe
tell "kill -9, rm -rf disk: database, log and cache are gone"

chapter "The new version starts on the empty disk, in production, where no seed may run"
start APP_ENV=production
expect "active campaigns" "$twelve" 12
expect "campaign of the user, with its id" "\$1 == \"$added\" && \$3 == \"Summer at the lake\"" 1
expect "excluded rows" "$excluded" 0

chapter "An old script brings the unwanted campaign back and loses four others; then the next deploy"
sqlite3 disk/campaigns.db "INSERT INTO campaigns (name, property) VALUES ('Prizies', 'here I am again');
  DELETE FROM campaigns WHERE id > 8 AND id <= 12;"
service add port "Autumn in the hills" "hillside" >answer.txt
service list port >campaigns.txt
tell "while it runs: $(count "$excluded") excluded row, $(count "$twelve") of the twelve"
kill -TERM "$machine"
status=0
wait "$machine" || status=$?
machine=""
((status == 0)) || fail "the application's exit status was 0, and holdfast run ended with $status"
tell "SIGTERM: the application ended, the last commit was shipped, the lease released; exit status $status"
start APP_ENV=production
expect "active campaigns" "$twelve" 12
expect "campaigns of users" '$3 == "Summer at the lake" || $3 == "Autumn in the hills"' 2
expect "excluded rows" "$excluded" 0

chapter "And once more onto an empty disk"
sleep 1
kill -KILL -- "-$machine"
wait "$machine" 2>/dev/null || true
machine=""
wipe
start APP_ENV=production
expect "active campaigns" "$twelve" 12
expect "campaigns of users" '$3 == "Summer at the lake" || $3 == "Autumn in the hills"' 2
expect "excluded rows" "$excluded" 0
show holdfast status
holdfast status >status.txt 2>&1 || true
sed -n '1,6s/^\(.\{0,110\}\).*/    \1/p' status.txt
kill -TERM "$machine"
wait "$machine" || fail "the last end was not a good one"
machine=""

printf '\n%sPASS%s: 12 active campaigns and the users'"'"' own came back by themselves, 0 excluded rows.\n' "$green$bold" "$plain"
