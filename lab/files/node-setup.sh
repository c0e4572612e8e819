# shellcheck shell=sh
# Run by mmdebstrap with a node's tree in $1: a bare server, minus what only costs boot time in a container.
set -eu
root=$1

# Six nodes boot side by side on two emulated processors, where each unit costs half a second. What roles rely on stays:
# systemd-sysctl, systemd-modules-load, systemd-tmpfiles-setup, the journal, dbus, ssh.
mkdir -p "$root/etc/systemd/system-generators"
for unit in getty.target console-getty.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer logrotate.timer systemd-tmpfiles-clean.timer \
    systemd-networkd.service systemd-networkd-wait-online.service systemd-timesyncd.service \
    systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
    systemd-logind.service systemd-firstboot.service systemd-hwdb-update.service systemd-pcrphase.service \
    systemd-remount-fs.service systemd-journal-flush.service systemd-random-seed.service systemd-pstore.service \
    systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup-dev-early.service kmod-static-nodes.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-journal-catalog-update.service systemd-ask-password-console.path systemd-ask-password-wall.path \
    modprobe@configfs.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@dm_mod.service \
    modprobe@loop.service modprobe@drm.service sys-kernel-config.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount proc-sys-fs-binfmt_misc.automount \
    systemd-binfmt.service tmp.mount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Generators look for disks, consoles and hypervisors at each boot and each daemon-reload; init scripts stay supported.
for path in "$root"/usr/lib/systemd/system-generators/*; do
    case ${path##*/} in
    systemd-sysv-generator | systemd-rc-local-generator) ;;
    *) ln -sf /dev/null "$root/etc/systemd/system-generators/${path##*/}" ;;
    esac
done
# Asks questions before an installation; loading it takes seconds, and nobody is there to answer.
rm -f "$root/etc/apt/apt.conf.d/70debconf"
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
rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
cp "$root/var/cache/lvs-lab-apt/lab.sources" "$root/etc/apt/sources.list.d/"
chroot "$root" apt-get -qq update
chroot "$root" apt-get -qq check
