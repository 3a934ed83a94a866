#!/bin/bash
# build-guest.sh DIR: a tiny but real Linux guest, made of Debian packages only
#
#   DIR/guest.qcow2   bootable disk: BIOS (syslinux), UEFI (signed shim and GRUB), ext4 root that grows to its disk
#   DIR/vmlinuz  DIR/initrd.gz  DIR/cmdline       the same disk booted by its kernel directly
#   DIR/images/       what the import tests read: see images.py
#
# What the guest does, and the lines it prints on its console, is in guest/root/etc: rc, cloud, disk, nic, ready.
# Nothing is done when DIR already holds what this script and guest/ would make. Packages come through apt alone;
# no loop device, no mount.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin; export LC_ALL=C
HERE=$(dirname "$(realpath "$0")")
DIR=$(realpath -m "${1:?usage: build-guest.sh DIR}"); W=$DIR/work
KERNEL_PKG=${KERNEL_PKG:-linux-image-cloud-amd64}
say() { echo "guest: $*"; }

mkdir -p "$DIR"; exec 9>"$DIR/lock"; flock 9      # two runs of the tests may want it at once
stamp=$( { find "$HERE/guest" -type f | sort | xargs cat; cat "$HERE/build-guest.sh" "$HERE/images.py"; echo "$KERNEL_PKG"; } | sha256sum)
[ "$stamp" != "$(cat "$DIR/stamp" 2>/dev/null)" ] || { say "up to date in $DIR"; exit 0; }
mkdir -p "$W/debs"; rm -rf "$DIR/stamp" "$W/x" "$W/root" "$W/initrd"; mkdir -p "$W/x"

# --- packages: fetched once, unpacked, never installed ---
kernel=$(apt-cache depends "$KERNEL_PKG" 2>/dev/null | awk '/Depends: linux-image-/{print $2; exit}')
[ -n "$kernel" ] || { say "the package lists are missing: run apt-get update" >&2; exit 1; }
pkgs="busybox-static qemu-guest-agent libglib2.0-0 libpcre2-8-0 libnuma1 libudev1 liburing2 libc6
  dropbear-bin libcrypt1 libtomcrypt1 libtommath1 libgmp10 zlib1g
  e2fsprogs libext2fs2 libcom-err2 libblkid1 libuuid1 libss2 util-linux libsmartcols1 shim-signed grub-efi-amd64-signed
  wide-dhcpv6-client libfl2"
missing=(); for p in $kernel $pkgs; do compgen -G "$W/debs/${p}_*.deb" >/dev/null || missing+=("$p"); done
if [ ${#missing[@]} -gt 0 ]; then
  say "fetching ${#missing[@]} packages"
  # as root: the _apt user may not be able to write here, and apt would say so at length
  (cd "$W/debs"; apt-get -qq -o APT::Sandbox::User=root download "${missing[@]}")
fi
for p in $pkgs; do dpkg-deb -x "$W/debs/${p}"_*.deb "$W/x"; done
K=$W/k; KV=${kernel#linux-image-}
[ -e "$K/boot/vmlinuz-$KV" ] || { rm -rf "$K"; dpkg-deb -x "$W/debs/${kernel}"_*.deb "$K"; }
depmod -b "$K" "$KV"

# --- root tree ---
say "making the root file system"
R=$W/root; L=$R/lib/x86_64-linux-gnu
mkdir -p "$R"/{bin,sbin,usr/bin,usr/sbin,etc/dropbear,dev,proc,sys,run,tmp,root,mnt,var/log,var/lib/{cloud,dhcpv6},lib64} "$L"
cp -r "$HERE/guest/root/." "$R"
chmod 1777 "$R/tmp"; chmod 600 "$R/etc/shadow"
chmod +x "$R"/etc/{rc,cloud,disk,nic,udhcpc,hotplug,qga,qga-hook,autologin,power,ready} "$R"/etc/acpi/PWRF/* "$R"/sbin/*
ln -s /run "$R/var/run"
cp "$W/x/bin/busybox" "$R/bin/busybox"
for a in $("$R/bin/busybox" --list); do case $a in busybox | mke2fs | fsfreeze) ;; *) ln -s /bin/busybox "$R/bin/$a" ;; esac; done
ln -s /bin/busybox "$R/sbin/init"; ln -s /sbin/init "$R/init"
ln -s /bin/busybox "$R/sbin/hwclock"        # where the guest agent looks for it
for l in "$W/x"/lib/x86_64-linux-gnu "$W/x"/usr/lib/x86_64-linux-gnu; do
  for n in ld-linux-x86-64 libc libm libpthread libdl librt libresolv libnss_files libglib-2.0 libgmodule-2.0 libgthread-2.0 \
    libpcre2-8 libnuma libudev liburing libcrypt libtomcrypt libtommath libgmp libz libext2fs libe2p libcom_err libblkid \
    libuuid libss libsmartcols libfl; do
    for f in "$l/$n".so.?*; do case $f in *.so.*.* | *"?*") ;; *) cp -L "$f" "$L/" ;; esac; done    # the sonames only
  done
done
ln -s /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$R/lib64/"
cp "$W/x"/usr/sbin/{qemu-ga,dropbear,dhcp6c} "$W/x"/sbin/{mke2fs,resize2fs} "$R/sbin/"
cp "$W/x"/usr/bin/{dropbearkey,partx} "$R/bin/"

# modules MODULES ROOT: those and what they depend on, in loading order on stdout
modules() {
  local m f
  for m in $1; do modprobe -d "$K" -S "$KV" -a --show-depends "$m" 2>/dev/null || true; done |
    awk '/^insmod/ && !seen[$2]++ {print $2}' |
    while read -r f; do mkdir -p "$2/$(dirname "${f#"$K"/}")"; cp "$f" "$2/${f#"$K"/}"; echo "${f#"$K"}"; done
  cp "$K/lib/modules/$KV"/modules.{order,builtin,builtin.modinfo} "$2/lib/modules/$KV/"
  depmod -b "$2" "$KV"
  rm -f "$2/lib/modules/$KV"/*.bin "$2/lib/modules/$KV"/modules.{order,builtin*,symbols,softdep}
}
modules "virtio_pci virtio_mmio virtio_blk virtio_net virtio_console virtio_rng virtio_balloon virtio_mem virtio_scsi virtiofs
  isofs sr_mod sd_mod vfat nls_ascii nls_utf8 button evdev overlay vmw_vsock_virtio_transport pvpanic-mmio efivarfs" "$R" >/dev/null

# --- initrd: finds the root by its label, switches to it ---
I=$W/initrd; mkdir -p "$I"/{bin,dev,proc,sys,root}
cp "$W/x/bin/busybox" "$I/bin/"; ln -s busybox "$I/bin/sh"
list=$(modules "virtio_pci virtio_mmio virtio_blk" "$I" | tr '\n' ' ')
sed "s#MODLIST#$list#" "$HERE/guest/init" >"$I/init"; chmod +x "$I/init"
(cd "$I"; find . | cpio -o -H newc --quiet -R 0:0 | gzip -6 >"$DIR/initrd.gz")
cp "$K/boot/vmlinuz-$KV" "$DIR/vmlinuz"
cmdline="console=tty0 console=ttyS0 quiet mitigations=off nokaslr tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on panic=5 net.ifnames=0"
echo "$cmdline" >"$DIR/cmdline"

# --- disk: MBR, FAT (syslinux, shim + GRUB), ext4 root ---
say "making the disk"
img=$W/guest.raw; fat=$((24 * 1024)) root=$((40 * 1024))    # KiB
rm -f "$img"; truncate -s $(((1024 + fat + root) * 1024)) "$img"
sfdisk -q "$img" <<EOS
label: dos
start=2048, size=$((fat * 2)), type=ef, bootable
start=$((2048 + fat * 2)), size=$((root * 2)), type=83
EOS
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$img" conv=notrunc bs=440 count=1 status=none
mkfs.vfat -F 16 -n TBBOOT --offset 2048 "$img" $fat >/dev/null 2>&1
fatdo() { MTOOLS_SKIP_CHECK=1 "$1" -i "$img@@1M" "${@:2}"; }
printf 'set timeout=0\nlinux /vmlinuz %s\ninitrd /initrd.gz\nboot\n' "$cmdline" >"$W/grub.cfg"
printf 'DEFAULT tb\nPROMPT 0\nTIMEOUT 0\nLABEL tb\n KERNEL /vmlinuz\n INITRD /initrd.gz\n APPEND %s\n' "$cmdline" >"$W/syslinux.cfg"
fatdo mmd ::/EFI ::/EFI/BOOT ::/EFI/debian
fatdo mcopy "$DIR/vmlinuz" "$DIR/initrd.gz" "$W/syslinux.cfg" ::/
fatdo mcopy "$W/x/usr/lib/shim/shimx64.efi.signed" ::/EFI/BOOT/BOOTX64.EFI
fatdo mcopy "$W/x/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" ::/EFI/BOOT/grubx64.efi
fatdo mcopy "$W/grub.cfg" ::/EFI/debian/grub.cfg
syslinux --install --offset $((1024 * 1024)) "$img"
# with a journal: a power cut is part of the tests. resize: room for the tables of a root grown to 64 GiB
mke2fs -q -t ext4 -m 0 -L tbroot -J size=4 -O ^metadata_csum -E "offset=$(((1024 + fat) * 1024)),root_owner=0:0,resize=67108864" \
  -d "$R" "$img" ${root}k 2>&1 | grep -v '^$' || true
qemu-img convert -c -O qcow2 "$img" "$DIR/guest.qcow2"

say "making the images of the import tests"
rm -rf "$DIR/images"; mkdir -p "$DIR/images"
python3 "$HERE/images.py" "$img" "$DIR/guest.qcow2" "$DIR/images"
rm -rf "$img" "$W/x" "$R" "$I" "$K"
echo "$stamp" >"$DIR/stamp"
say "done in $DIR"
