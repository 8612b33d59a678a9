# What both acts of the demo share: how they speak, and how they measure. To be sourced.
export LC_ALL=C.UTF-8

if [[ -t 1 ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold="" dim="" green="" red="" plain=""
fi

holdfast() { "$HOLDFAST" "$@"; }

chapter() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
tell() { printf '  %s\n' "$*"; }
show() { printf '  %s$ %s%s\n' "$dim" "$*" "$plain"; }
fail() {
  printf '  %sdifferent:%s %s\n' "$red$bold" "$plain" "$*"
  exit 1
}

size() {  # BYTES
  numfmt --to=si --format=%.1f "$1" | sed 's/K$/k/; s/\([0-9]\)\([kMG]\?\)$/\1 \2B/'
}
folder_size() { find "$1" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'; }
now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }
took() { awk -v us=$(($(now) - $1)) 'BEGIN { if (us < 1e6) printf "%.0f ms", us / 1e3; else printf "%.2f s", us / 1e6 }'; }
