# Run by mmdebstrap with a node's tree in $1: a bare server, minus what only costs boot time in a container.
set -eu
root=$1

for unit in getty@tty1.service serial-getty@.service console-getty.service container-getty@.service getty.target \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer logrotate.timer man-db.timer systemd-tmpfiles-clean.timer \
    systemd-networkd.service systemd-networkd-wait-online.service systemd-timesyncd.service \
    systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
    systemd-logind.service systemd-firstboot.service systemd-hwdb-update.service systemd-pcrphase.service \
    proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount \
    sys-fs-fuse-connections.mount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Looks for a virtual socket of the machine at every boot, and complains.
mkdir -p "$root/etc/systemd/system-generators"
ln -sf /dev/null "$root/etc/systemd/system-generators/systemd-ssh-generator"
sed -i '/^Subsystem/d' "$root/etc/ssh/sshd_config"
rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/machine-id "$root"/var/lib/dbus/machine-id

# The package cache. Each on its own: packages that refuse each other can both be there.
: > "$root/var/cache/lvs-lab-skipped"
for package in $LVS_LAB_CACHED; do
    if ! chroot "$root" apt-get -qq -y --no-install-recommends --download-only install "$package" >/dev/null; then
        echo "$package" >> "$root/var/cache/lvs-lab-skipped"
        echo "I: lab: $package is not to be had for this release" >&2
    fi
done
echo "I: lab: indexing the package cache" >&2
chroot "$root" python3 /var/cache/lvs-lab-apt/index.py
rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
cp "$root/var/cache/lvs-lab-apt/lab.sources" "$root/etc/apt/sources.list.d/"
chroot "$root" apt-get -qq update
chroot "$root" apt-get -qq check
