# Builds for ARM in a chroot of Debian, and runs what it is told under emulation.
# usage: sh aarch64.sh PREPARED WORKSPACE REGISTRY COMMAND...
set -eu

root=$1 workspace=$2 registry=$3
shift 3
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
# A release whose rustc is as new as this workspace needs, for both architectures.
suite=forky

if ! [ -e "$root/prepared" ]; then
    rm -rf "$root"
    if ! command -v debootstrap >/dev/null; then
        apt-get update -qq
        apt-get install -qq -y --no-install-recommends debootstrap
    fi
    # Releases differ in names only; debootstrap knows this one under any release.
    debootstrap --variant=minbase --include=ca-certificates $suite "$root" "$mirror" /usr/share/debootstrap/scripts/sid
    cp /etc/resolv.conf "$root/etc/"
    chroot "$root" dpkg --add-architecture arm64
    # The lists of a mirror that lags behind have expired.
    chroot "$root" apt-get update -qq -o Acquire::Check-Valid-Until=false
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        rustc cargo gcc libc6-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstd-rust-dev:arm64 qemu-user
    touch "$root/prepared"
fi

# The kernel is told of the emulator for as long as this runs, so that tests can start other processes.
binfmt=/proc/sys/fs/binfmt_misc
mounted=
mountpoint -q $binfmt || { mount -t binfmt_misc binfmt_misc $binfmt && mounted=1; }
entry=structstore-aarch64
unregister() {
    [ ! -e $binfmt/$entry ] || echo -1 >$binfmt/$entry
}
trap 'unregister; [ -z "$mounted" ] || umount $binfmt' EXIT
trap 'exit 1' INT TERM
unregister
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
# F: the emulator is opened now, in this root.
printf ':%s:M::%s:%s:%s:F' $entry "$magic" "$mask" "$root/usr/bin/qemu-aarch64" >$binfmt/register

if ! [ -e "$root/usr/bin/python3" ] || ! [ -e "$root/usr/bin/aarch64-linux-gnu-g++" ]; then
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        python3:arm64 g++-aarch64-linux-gnu
fi

# Mounts go with the namespace.
export root workspace registry
unshare --mount --propagation private sh -euc '
    mkdir -p "$root/workspace" "$root/target" "$root/root/.cargo/registry"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --bind "$workspace" "$root/workspace"
    mount --bind "$registry" "$root/root/.cargo/registry"
    cd "$root"
    exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb RUST_BACKTRACE=1 \
        CARGO_TARGET_DIR=/target CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ STRUCTSTORE_EMULATED=1 \
        sh -euc "cd /workspace; exec \"\$@\"" sh "$@"
' sh "$@"
