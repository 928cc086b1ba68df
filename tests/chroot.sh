#!/bin/sh
# Another Debian beside this one, with its own Wireshark and Python, to try vpcshark in. As root:
#   tests/chroot.sh make SUITE FOLDER             debootstrap, then the programs of tests/install-tools.sh
#   tests/chroot.sh base SUITE FOLDER PACKAGE...   debootstrap, then these packages and no other
#   tests/chroot.sh run FOLDER [-u] COMMAND...    copy this checkout there and run COMMAND in it; -u: as a plain user
#   tests/chroot.sh fresh FOLDER SCRATCH [-u] COMMAND...   the same in what looks like FOLDER; changes go to SCRATCH
# What the machine knows of its mirror, proxy and certificates holds there too. Each run has process ids, mounts and
# /run of its own, so that root's labs in it are not in the way of others; the network is the machine's. One run at a
# time for each user of a chroot, since each copies the checkout anew.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)

# The mirror that this machine's apt has Debian from.
mirror() {
    # shellcheck disable=SC2016 # apt fills it in
    found=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    echo "${found:?apt knows no mirror of Debian here: run apt-get update}"
}

# What this machine says about the way to the network: certificates, proxy, package indexes.
copy_settings() {
    mkdir -p "$1/usr/local/share/ca-certificates"
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ ! -e "$certificate" ] || cp "$certificate" "$1/usr/local/share/ca-certificates/"
    done
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$1/etc/pip.conf"
    apt-config dump | grep -E '^Acquire::(https?|Check|Retries)' >"$1/etc/apt/apt.conf.d/90machine" || :
    cp /etc/resolv.conf /etc/hosts "$1/etc/"
}

# A second run goes on where the first one was cut off, and touches nothing where all is there: others may see it fresh.
make_base() {
    suite=$1 folder=$2
    shift 2
    [ "$(cat "$folder/base.done" 2>/dev/null)" != "$*" ] || return 0
    command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2 && exit 1; }
    [ -e "$folder/debootstrap.done" ] || {
        rm -rf "$folder"
        debootstrap --include=ca-certificates,eatmydata "$suite" "$folder" "$(mirror)"
        touch "$folder/debootstrap.done"
    }
    copy_settings "$folder"
    chroot "$folder" update-ca-certificates
    # shellcheck disable=SC2016 # the shell in there reads it
    (enter "$folder" root eatmydata sh -euc 'apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null' sh "$@")
    chroot "$folder" id -u tester >/dev/null 2>&1 || chroot "$folder" useradd --create-home --shell /bin/bash tester
    echo "$*" >"$folder/base.done"
}

make_chroot() {
    make_base "$1" "$2" make git procps python3-venv python3-dev gcc libc6-dev libpcap0.8-dev
    (enter "$2" root eatmydata sh tests/install-tools.sh)
}

# Nothing that is written in there stays but in SCRATCH; the mount ends with its namespace.
fresh() {
    base=$1 scratch=$2
    shift 2
    mkdir -p "$scratch/upper" "$scratch/work" "$scratch/root"
    # shellcheck disable=SC2016 # the shell in the new namespace reads it
    exec unshare --mount sh -euc '
        mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
        program=$3 root=$2/root
        shift 3
        exec sh "$program" run "$root" "$@"' sh "$base" "$scratch" "$0" "$@"
}

# The checkout as it is now, without what git ignores. The environment (VENV) lies outside of it and stays.
copy_checkout() {
    mkdir -p "$1$2"
    find "$1$2" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
    (cd "$checkout" && git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null |
        tar -cf - --no-recursion -T - 2>/dev/null) | tar -xf - -C "$1$2" --no-same-owner
}

enter() {
    root=$1 user=$2
    shift 2
    case $user in root) home=/root ;; *) home=/home/$user ;; esac
    copy_settings "$root"
    copy_checkout "$root" "$home/vpcshark"
    [ "$user" = root ] || chroot "$root" chown -R "$user:" "$home/vpcshark"
    # shellcheck disable=SC2016 # the shell in the new namespaces reads it
    exec unshare --mount --pid --fork --kill-child sh -euc '
        root=$1 user=$2 home=$3
        shift 3
        mount --make-rprivate /
        mount --bind "$root" "$root" # so that / in there is a mount point, as "ip netns" wants it
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/run"
        mkdir -m 755 "$root/run/sshd"
        exec chroot "$root" setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all \
            env HOME="$home" USER="$user" LOGNAME="$user" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            sh -c "cd ~/vpcshark && exec \"\$@\"" sh "$@"' sh "$root" "$user" "$home" "$@"
}

case ${1-} in
make) make_chroot "$2" "$3" ;;
base)
    shift
    make_base "$@"
    ;;
fresh)
    shift
    fresh "$@"
    ;;
run)
    folder=$2 user=root
    shift 2
    [ "$1" != -u ] || { user=tester && shift; }
    enter "$folder" "$user" "$@"
    ;;
*)
    sed -n '3,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
