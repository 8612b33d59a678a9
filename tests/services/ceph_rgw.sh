#!/bin/bash
# A real service of S3 on loopback for tests: one node of Ceph (monitor and an OSD in memory) behind its RADOS Gateway.
#
#     ceph_rgw.sh run DIR     starts it, writes what a client needs to DIR/environment (NAME=VALUE lines) when it is
#                             ready, in about 12 s, and ends it at SIGTERM or SIGINT, and when its parent dies
#
# DIR must not exist; it is removed at the end. Debian packages: ceph-mon ceph-osd ceph-common radosgw curl. It takes
# about 120 MB of memory, and several may run side by side.
set -uo pipefail
[[ ${1-} == run && -n ${2-} ]] || { sed -n '2,9s/^# \?//p' "$0" >&2; exit 2; }
dir=$(realpath -m "$2")
parent=$PPID
starting=""
readonly access=testkey secret=testsecret

mkdir -p "$dir"/{mon,osd,rgw,log,run} || exit 1
chmod 700 "$dir"

end_processes() {
  local file pid
  for file in "$dir"/run/*.pid; do
    [[ -s $file ]] || continue
    pid=$(<"$file")
    kill -KILL "$pid" 2>/dev/null || true  # what it holds is in memory and wanted by nobody
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -f "$file"
  done
}
finish() {
  trap '' TERM INT HUP  # a second one would leave half of them
  trap - EXIT
  [[ -z $starting ]] || kill "$starting" 2>/dev/null || true
  end_processes
  rm -rf "$dir"
  exit "${1:-0}"
}
trap 'finish 0' TERM INT HUP
trap 'finish 1' EXIT

# Below the ports that the system gives away by itself.
free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

write_configuration() {  # PORT MONITOR FSID
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $3
mon_host = $2
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
auth_allow_insecure_global_id_reclaim = true
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
mon_data = $dir/mon
osd_data = $dir/osd
rgw_data = $dir/rgw
run_dir = $dir/run
admin_socket = $dir/run/\$name.\$pid.asok
log_file = $dir/log/\$name.log
pid_file = $dir/run/\$name.pid
keyring = $dir/keyring
rgw_frontends = beast endpoint=127.0.0.1:$1
CONF
}

start() (
  set -e
  conf=$dir/ceph.conf keyring=$dir/keyring
  port=$(free_port) fsid=$(</proc/sys/kernel/random/uuid) monitor="[v2:127.0.0.1:$(free_port)]"
  write_configuration "$port" "$monitor" "$fsid"
  ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  ceph-authtool "$keyring" --gen-key -n client.rgw --cap mon 'allow *' --cap osd 'allow *'
  monmaptool --create --clobber --addv a "$monitor" --fsid "$fsid" "$dir/monmap"
  ceph-mon -c "$conf" --mkfs -i a --monmap "$dir/monmap" --keyring "$keyring"
  ceph-mon -c "$conf" -i a
  timeout 60 ceph -c "$conf" osd create
  ceph -c "$conf" auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' -o "$dir/osd.keyring"
  ceph -c "$conf" auth add client.rgw -i "$keyring"
  cat "$dir/osd.keyring" >>"$keyring"
  ceph-osd -c "$conf" -i 0 --mkfs
  ceph-osd -c "$conf" -i 0
  radosgw -c "$conf" -n client.rgw
  for _ in {1..300}; do
    curl -s -o /dev/null "http://127.0.0.1:$port/" && break
    sleep 0.2
  done
  # It may wait for a word of the gateway that was lost.
  timeout 60 radosgw-admin -c "$conf" user create --uid=test --display-name=test --access-key="$access" --secret-key="$secret"
  curl -s --fail -o /dev/null "http://127.0.0.1:$port/"
  printf '%s\n' "AWS_ENDPOINT_URL=http://127.0.0.1:$port" "AWS_ACCESS_KEY_ID=$access" \
    "AWS_SECRET_ACCESS_KEY=$secret" AWS_REGION=us-east-1 >"$dir/environment.new"
) >>"$dir/log/start.log" 2>&1

# A port may have been taken between looking and binding.
for _ in 1 2 3; do
  start &  # where it stood before &&, its first failure would not end it
  starting=$!
  wait "$starting" && break
  end_processes
  rm -rf "$dir"/{mon,osd,rgw,run}
  mkdir -p "$dir"/{mon,osd,rgw,run}
done
if [[ ! -s $dir/environment.new ]]; then
  tail -n 30 "$dir/log/start.log" >&2
  exit 1
fi
mv "$dir/environment.new" "$dir/environment"

while kill -0 "$parent" 2>/dev/null; do
  sleep 1 &
  wait $!
done
