# What a spec says about the virtual hardware starts in real QEMU. Most guests stand still before their first instruction; one
# boots by UEFI and tells so.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

# machine NAME 'DOMAIN' ['VOLUMES']: an instance that waits, with scratch disks; each argument a few lines of YAML
machine() {
  cat <<EOM
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: $1}
spec:
  startStrategy: Paused
  terminationGracePeriodSeconds: 0
  domain:
    memory: {guest: 64Mi}
$(sed 's/^ */    &/' <<<"$2")
  volumes: [${3:-}]
EOM
}

scratch() { local n; for n in "$@"; do printf '{name: %s, emptyDisk: {capacity: 4Mi}}, ' "$n"; done; }

# starts NAME: it is there, paused; the test goes on with what libvirt says of it
starts() { await 90 "[ \"\$(condition vmi/$1 Paused)\" = True ] || { message vmi/$1 Synchronized; false; }"; }
has() { virsh_ dumpxml "$(domain "$1")" >"$WORK/dumped.xml"; expect "grep -q -- \"$2\" $WORK/dumped.xml"; }
ends() { lift "$1.yaml"; gone "vmi/$1"; }

test_every_bus_of_a_disk() {
  machine buses 'devices:
  autoattachPodInterface: false
  disks:
    - {name: a, disk: {bus: virtio}, serial: S1, blockSize: {matchVolume: {}}}
    - {name: b, disk: {bus: sata}, errorPolicy: report}
    - {name: c, disk: {bus: scsi}, cache: writeback, io: threads}
    - {name: d, disk: {bus: usb}, blockSize: {custom: {logical: 512, physical: 4096}}}
    - {name: e, cdrom: {bus: sata}}
    - {name: f, cdrom: {bus: scsi, tray: open}}' "$(scratch a b c d e)" | drop buses.yaml
  starts buses
  has buses "target dev='vda' bus='virtio'"
  has buses "target dev='sdb' bus='scsi'"
  has buses "controller type='usb' index='0' model='qemu-xhci'"
  has buses "logical_block_size='4096'"
  ends buses
}

test_cache_follows_what_the_file_system_can() {
  machine cache 'devices:
  autoattachPodInterface: false
  disks: [{name: a, disk: {bus: virtio}}]' "$(scratch a)" | drop cache.yaml
  starts cache
  if host dd if="$(pool_files | grep empty- | head -1)" of=/dev/null bs=4096 count=1 iflag=direct; then
    has cache "cache='none'"
  else
    has cache "cache='writethrough'"
  fi
  ends cache
}

test_network_cards() {
  machine cards 'devices:
  interfaces:
    - {name: default, masquerade: {}, acpiIndex: 5}' | sed 's/^  volumes/  networks: [{name: default, pod: {}}]\n&/' | drop cards.yaml
  starts cards
  has cards "acpi index='5'"
  ends cards
  local model
  for model in e1000 e1000e rtl8139 ne2k_pci pcnet; do
    machine cards "devices: {interfaces: [{name: default, masquerade: {}, model: $model}]}" |
      sed 's/^  volumes/  networks: [{name: default, pod: {}}]\n&/' | drop cards.yaml
    starts cards
    has cards "model type='$model'"
    ends cards
  done
}

test_displays() {
  local type
  for type in vga cirrus virtio ramfb bochs; do
    machine display "devices: {autoattachPodInterface: false, video: {type: $type}}" | drop display.yaml
    starts display
    has display "model type='$type'"
    ends display
  done
}

test_small_devices() {
  machine small 'cpu: {cores: 2}
devices:
  autoattachPodInterface: false
  sound: {name: ear, model: ac97}
  watchdog: {name: dog, i6300esb: {action: poweroff}}
  rng: {}
  panicDevices: [{model: isa}, {model: hyperv}]
  inputs: [{name: pen, type: tablet, bus: virtio}, {name: finger, type: tablet, bus: usb}]
  clientPassthrough: {}' | drop small.yaml
  starts small
  has small "sound model='ac97'"
  has small "panic model='hyperv'"
  has small "redirdev bus='usb' type='unix'"
  ends small
}

test_a_tpm() {
  machine tpm 'devices: {autoattachPodInterface: false, tpm: {}}' | drop tpm.yaml
  starts tpm
  has tpm "tpm model='tpm-tis'"
  ends tpm
}

test_threads_for_io() {
  machine threads 'cpu: {cores: 2}
resources: {requests: {cpu: 1}}
ioThreadsPolicy: auto
devices:
  autoattachPodInterface: false
  blockMultiQueue: true
  disks:
    - {name: a, disk: {bus: virtio}, dedicatedIOThread: true}
    - {name: b, disk: {bus: virtio}}
    - {name: c, disk: {bus: virtio}}' "$(scratch a b c)" | drop threads.yaml
  starts threads
  has threads "<iothreads>2</iothreads>"
  has threads "iothread='2'"
  ends threads
  machine pool 'ioThreadsPolicy: supplementalPool
ioThreads: {supplementalPoolThreadCount: 2}
devices: {autoattachPodInterface: false, disks: [{name: a, disk: {bus: virtio}}, {name: b, disk: {bus: virtio}}]}' \
    "$(scratch a b)" | drop pool.yaml
  starts pool
  has pool "<iothreads>2</iothreads>"
  expect 'grep -qE "iothread(=| id=)" "$WORK/dumped.xml"'
  ends pool
}

test_enlightenments_and_timers() {
  machine windows 'clock:
  utc: {}
  timer: {hpet: {present: false}, pit: {tickPolicy: delay}, rtc: {tickPolicy: catchup}, hyperv: {}, kvm: {}}
features:
  apic: {}
  smm: {}
  pvspinlock: {}
  kvm: {hidden: true}
  hyperv: {relaxed: {}, vapic: {}, runtime: {}, synic: {}, reset: {}, frequencies: {}, ipi: {}, evmcs: {}, spinlocks: {},
    synictimer: {direct: {}}, tlbflush: {}, vendorid: {vendorid: Solovirt}}
devices: {autoattachPodInterface: false}' | drop windows.yaml
  starts windows
  has windows "<spinlocks state='on' retries='4096'/>"
  has windows "timer name='hypervclock' present='yes'"
  ends windows
}

test_memory_and_processors_that_may_grow() {
  machine growing 'cpu: {sockets: 2, cores: 1, maxSockets: 3}
devices: {autoattachPodInterface: false}' | sed 's/guest: 64Mi/guest: 1Gi, maxGuest: 2Gi/' | drop growing.yaml
  starts growing
  has growing "maxMemory slots='[0-9]*' unit='KiB'>2097152"
  has growing "vcpu placement='static' current='2'>3"
  ends growing
}

test_named_models_and_features_of_processors() {
  machine named 'cpu: {model: Haswell, features: [{name: vmx, policy: require}, {name: avx, policy: disable}]}
devices: {autoattachPodInterface: false}' | drop named.yaml
  starts named
  has named "Haswell</model>"
  ends named
  machine passed 'cpu: {model: host-passthrough}
devices: {autoattachPodInterface: false}' | drop passed.yaml
  starts passed
  has passed "cpu mode='maximum'"
  ends passed
}

test_a_guest_boots_by_uefi() {
  vm plain memory=256Mi user='test -d /sys/firmware/efi && echo TB-UEFI >/dev/console' |
    sed 's/^      domain:/&\n        firmware: {bootloader: {efi: {secureBoot: false}}}/' | drop plain.yaml
  booted plain 1 240
  shows plain TB-UEFI
  has plain "model type='bochs'"
}

test_its_domain_can_be_looked_at() {
  expect 'sv domxml plain | grep -q "<name>default_plain</name>"'
  exits 3 sv domxml nobody
  lift plain.yaml; gone vmi/plain
}

# Without KVM it takes GRUB minutes to get through the firmware's system management mode: this one stands still.
test_secure_boot() {
  machine secure 'features: {smm: {}}
firmware: {bootloader: {efi: {}}}
devices: {autoattachPodInterface: false}' | drop secure.yaml
  starts secure
  has secure "loader readonly='yes' secure='yes' type='pflash'"
  has secure "smm state='on'"
  ends secure
}

test_domxml_needs_no_daemon_and_says_the_same() {
  machine dry 'devices: {autoattachPodInterface: false, rng: {}, disks: [{name: a, disk: {bus: virtio}}]}' "$(scratch a)" >"$WORK/dry.yaml"
  expect 'sv -s /nonexistent domxml --emulation -f "$WORK/dry.yaml" | grep -q "<domain .*type=.qemu."'
  expect 'sv -s /nonexistent domxml --kvm -f "$WORK/dry.yaml" | grep -q "domain type=.kvm."'
  exits 1 sv domxml -f /nonexistent
}
