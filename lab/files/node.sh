# shellcheck shell=sh
# What the lab does to its nodes on the podman host, in as few processes as can be: each costs 30 ms when emulated.
# Called as `sh -s -- BASE VERB ARGUMENT…` with this text on its standard input.
set -eu
base=$1
verb=$2
shift 2
run=/run/lvs-lab

# The process id of the init of slot $1, in $pid; empty when the node is off.
find_pid() {
    pid=
    if [ -e "$run/slots/$1.pid" ]; then
        read -r pid < "$run/slots/$1.pid" || true
        if [ -n "$pid" ] && ! [ -e "/proc/$pid" ]; then pid=; fi
    fi
}

# The host's end of interface $1 of process $pid, in $peer. The container's own sysfs tells the peer's index.
find_peer() {
    peer=
    link=
    { read -r link < "/proc/$pid/root/sys/class/net/$1/iflink"; } 2>/dev/null || true
    [ -n "$link" ] || return 0
    for directory in /sys/class/net/*; do
        { read -r index < "$directory/ifindex"; } 2>/dev/null || continue
        if [ "$index" = "$link" ]; then peer=${directory##*/}; return 0; fi
    done
}

# The host's ends of the interfaces given, in $peers; one that is not there is an error.
ends() {
    peers=
    for interface; do
        find_peer "$interface"
        [ -n "$peer" ] || { echo "$interface has no end on the podman host" >&2; exit 4; }
        peers="$peers $peer"
    done
}

need_pid() {
    find_pid "$1"
    # 3 is how the caller knows.
    [ -n "$pid" ] || { echo "the node is off" >&2; exit 3; }
}

# Take the loopback of process $pid's network down, of a node that nobody hears any more. The kernel's IPVS keeps a
# route to a real server that is the director itself, and with it the interface of that address; it forgets such
# a route only when the loopback goes (ip_vs_dst_event, net/netfilter/ipvs/ip_vs_ctl.c). Without this podman
# waits for ever for the interface's end ("unregister_netdevice: waiting for eth0").
let_go() {
    nsenter --net="/proc/$pid/ns/net" ip link set dev lo down 2>/dev/null || true
}

# The control group that holds all of process $pid's container, in $cgroup.
find_cgroup() {
    cgroup=
    read -r line < "/proc/$pid/cgroup"
    case $line in
    0::*/libpod-*)
        line=${line#0::} rest=${line#*/libpod-}
        cgroup=/sys/fs/cgroup${line%%/libpod-*}/libpod-${rest%%/*}
        ;;
    *) echo "no control group of process $pid is known" >&2; exit 5 ;;
    esac
}

# Mount the overlay of node $1 from image $2: it stays mounted while the node is off, so its disk keeps its state.
mount_root() {
    lower=$base/images/$2
    node=$base/nodes/$1
    # A prepared node: between image and disk lies what `prepare` has installed.
    if [ -e "$node/snapshot" ]; then
        read -r snapshot < "$node/snapshot"
        lower=$base/snapshots/$snapshot:$lower
    fi
    if ! mountpoint -q "$node/root"; then
        mkdir -p "$node/upper" "$node/work" "$node/root"
        rm -rf "$node/work/work/incompat"
        # volatile: no flush ever reaches the disk; a node's disk does not outlive its podman host anyway.
        mount -t overlay -o "lowerdir=$lower,upperdir=$node/upper,workdir=$node/work,volatile" "lvs-lab-$1" "$node/root"
    fi
}

# Take off the host's ends in $peers whatever `impair` has put there; markers of an interface long gone do no harm.
relieve() {
    for peer in $peers; do
        [ -e "$run/impaired/$peer" ] || continue
        tc qdisc del dev "$peer" clsact 2>/dev/null || true
        tc qdisc del dev "$peer" root 2>/dev/null || true
        rm -f "$run/impaired/$peer"
        echo "${peer}: passes everything again"
    done
}

case $verb in
mount-image) # NAME SOURCE OPTIONS
    if ! mountpoint -q "$base/images/$1"; then
        mkdir -p "$base/images/$1"
        mount -t ext4 -o "$3" "$2" "$base/images/$1"
    fi
    ;;
prepare) # SNAPSHOT IMAGE PACKAGE…: what apt adds to the image, kept as a layer for nodes to start from
    snapshot=$base/snapshots/$1
    work=$base/snapshots/.making-$1
    image=$base/images/$2
    shift 2
    mkdir -p "$base/snapshots"
    # Held by whatever is started below too: one that was interrupted is waited for.
    exec 9> "$work.lock"
    flock 9
    [ ! -d "$snapshot" ] || exit 0
    rm -rf "$work"
    mkdir -p "$work/upper" "$work/work" "$work/root"
    # In a mount namespace of its own, so that no interrupt leaves a mount behind. No systemd runs in there, and
    # policy-rc.d forbids init scripts (invoke-rc.d(8)): packages are as after an installation, nothing has run.
    # shellcheck disable=SC2016  # expanded inside
    unshare --mount sh -euc '
        work=$1 root=$1/root image=$2
        shift 2
        mount -t overlay -o "lowerdir=$image,upperdir=$work/upper,workdir=$work/work,volatile" lvs-lab-prepare "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        printf "#!/bin/sh\nexit 101\n" > "$root/usr/sbin/policy-rc.d"
        chmod 755 "$root/usr/sbin/policy-rc.d"
        chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
            apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install "$@" </dev/null
        rm -f "$root/usr/sbin/policy-rc.d"
        # As in finish.sh: systemd shall not take the first boot for one after an upgrade.
        touch "$root/etc/.updated" "$root/var/.updated"
    ' sh "$work" "$image" "$@" > "$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; exit 6; }
    rm -rf "$work/upper/run" "$work/upper/tmp" "$work/upper/dev" "$work/upper/proc" "$work/upper/var/log"
    mv "$work/upper" "$snapshot"
    rm -rf "$work"
    ;;
create) # NAME IMAGE SLOT COMMAND…: start the node for the first time
    mount_root "$1" "$2"
    mkdir -p "$run/slots" "$base/python"
    rm -f "$run/slots/$3.pid"
    shift 3
    "$@"
    ;;
start) # NAME IMAGE SLOT
    find_pid "$3"
    [ -z "$pid" ] || { echo "on already"; exit 0; }
    mount_root "$1" "$2"
    mkdir -p "$run/slots"
    podman start "lvslab-$1" >/dev/null
    ;;
remove) # NAME: the node and its disk
    pid=$(podman inspect --format '{{.State.Pid}}' "lvslab-$1" 2>/dev/null) || pid=
    if [ "${pid:-0}" -gt 0 ]; then let_go; fi
    podman rm --force --time 0 --ignore "lvslab-$1" >/dev/null
    # What a failed or interrupted removal has left is the next one's work too.
    while mountpoint -q "$base/nodes/$1/root"; do umount "$base/nodes/$1/root" || umount -l "$base/nodes/$1/root"; done
    rm -rf "$base/nodes/$1"
    ;;
clear) # NAME…: what an interrupted creation left of nodes that podman does not know
    for name; do
        while mountpoint -q "$base/nodes/$name/root"; do umount "$base/nodes/$name/root"; done
        rm -rf "$base/nodes/$name"
    done
    ;;
mend) # NAME SLOT INTERFACE…: end whatever fault a running node suffers from
    name=$1
    slot=$2
    shift 2
    need_pid "$slot"
    ends "$@"
    find_cgroup
    if [ "$(cat "$cgroup/cgroup.freeze")" = 1 ]; then
        podman unpause "lvslab-$name" >/dev/null
        echo 0 > "$cgroup/cgroup.freeze"
        echo "thawed"
    fi
    for peer in $peers; do
        if ! [ "$(cat "/sys/class/net/$peer/brport/state")" = 3 ]; then echo "${peer}: in again"; fi
    done
    relieve
    for peer in $peers; do echo "link set dev $peer up"; done | ip -batch -
    for peer in $peers; do echo "link set dev $peer state 3"; done | bridge -batch -
    ;;
power-off) # NAME SLOT INTERFACE…: no packet leaves it from the first moment on; then everything in it dies at once
    name=$1
    slot=$2
    shift 2
    find_pid "$slot"
    [ -n "$pid" ] || { echo "off already"; exit 0; }
    ends "$@"
    for peer in $peers; do echo "link set dev $peer down"; done | ip -batch -
    let_go
    kill -9 "$pid"
    rm -f "$run/slots/$slot.pid"
    podman wait "lvslab-$name" >/dev/null
    ;;
link) # up|down SLOT INTERFACE…
    state=$1
    slot=$2
    shift 2
    need_pid "$slot"
    ends "$@"
    for peer in $peers; do echo "link set dev $peer $state"; done | ip -batch -
    ;;
impair) # SLOT drop|netem WORDS INTERFACE…: drop frames that match WORDS (tc-flower(8)) both ways, or do netem WORDS
    slot=$1
    kind=$2
    words=$3
    shift 3
    need_pid "$slot"
    ends "$@"
    mkdir -p "$run/impaired"
    for peer in $peers; do
        : > "$run/impaired/$peer"
        if [ "$kind" = netem ]; then
            echo "qdisc replace dev $peer root netem $words"
        else
            echo "qdisc replace dev $peer clsact"
            for side in ingress egress; do
                for family in ip ipv6; do
                    echo "filter add dev $peer $side protocol $family flower $words action drop"
                done
            done
        fi
    done | tc -batch -
    ;;
relieve) # SLOT INTERFACE…
    slot=$1
    shift
    need_pid "$slot"
    ends "$@"
    relieve
    ;;
freeze) # NAME SLOT INTERFACE…
    name=$1
    slot=$2
    shift 2
    need_pid "$slot"
    ends "$@"
    find_cgroup
    if [ "$(cat "$cgroup/cgroup.freeze")" = 1 ]; then echo "frozen already"; exit 0; fi
    # The bridge's ports fall silent; the links stay up, as nobody pulled a cable (states: linux/if_bridge.h).
    for peer in $peers; do echo "link set dev $peer state 0"; done | bridge -batch -
    # At once, for the node must not see the silence; podman takes a second, and is told for its records.
    echo 1 > "$cgroup/cgroup.freeze"
    podman pause "lvslab-$name" >/dev/null
    ;;
thaw) # NAME SLOT INTERFACE…
    name=$1
    slot=$2
    shift 2
    need_pid "$slot"
    ends "$@"
    find_cgroup
    if [ "$(cat "$cgroup/cgroup.freeze")" = 0 ]; then echo "not frozen"; exit 0; fi
    podman unpause "lvslab-$name" >/dev/null
    for peer in $peers; do echo "link set dev $peer state 3"; done | bridge -batch -
    echo 0 > "$cgroup/cgroup.freeze"
    ;;
stop) # NAME SLOT SECONDS
    find_pid "$2"
    [ -n "$pid" ] || { echo "off already"; exit 0; }
    podman stop --time "$3" "lvslab-$1" >/dev/null
    rm -f "$run/slots/$2.pid"
    ;;
*)
    echo "unknown verb $verb" >&2
    exit 2
    ;;
esac
