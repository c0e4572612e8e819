# shellcheck shell=sh
# Run by mmdebstrap with the guest's tree in $1: what a machine that only runs podman does not need.
set -eu
root=$1

# No udev: modules are named in modules-load.d, and eth0 keeps its name. Emulated, each unit costs half a second.
mkdir -p "$root/etc/systemd/system-generators"
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-udev-trigger.service systemd-udev-load-credentials.service systemd-hwdb-update.service \
    getty.target console-getty.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer logrotate.timer systemd-tmpfiles-clean.timer \
    systemd-timesyncd.service systemd-networkd.service systemd-logind.service systemd-user-sessions.service \
    podman.service podman.socket podman-auto-update.timer podman-auto-update.service podman-restart.service \
    podman-clean-transient.service netavark-dhcp-proxy.socket netavark-firewalld-reload.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-firstboot.service systemd-random-seed.service \
    systemd-journal-flush.service systemd-journal-catalog-update.service systemd-pstore.service \
    systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup-dev-early.service kmod-static-nodes.service \
    modprobe@configfs.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@dm_mod.service \
    modprobe@loop.service modprobe@drm.service sys-kernel-config.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount \
    systemd-ask-password-console.path systemd-ask-password-wall.path nftables.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
for path in "$root"/usr/lib/systemd/system-generators/*; do
    ln -sf /dev/null "$root/etc/systemd/system-generators/${path##*/}"
done
for unit in lvs-lab-network lvs-lab-portd; do
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf "/etc/systemd/system/$unit.service" "$root/etc/systemd/system/multi-user.target.wants/"
done
# A declaration repeated is an error to sshd: the packaged sftp line has to go before ours is read.
sed -i '/^Subsystem/d' "$root/etc/ssh/sshd_config"
rm -f "$root"/etc/ssh/ssh_host_ecdsa* "$root"/etc/ssh/ssh_host_rsa*
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/*
echo lvs-lab > "$root/etc/hostname"
echo "127.0.0.1 localhost lvs-lab" > "$root/etc/hosts"
