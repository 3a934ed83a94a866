# A host where KVM is offered. Where it serves, guests run on it; where it does not, the daemon notices and says so once.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034
KVM=1

test_the_guest_boots_whatever_kvm_is_worth() {
  vm k | drop k.yaml
  booted k 1 180
  running k
}
test_the_node_says_which_and_why() {
  local type; type=$(virsh_ dumpxml "$(domain k)" | sed -n "s/.*<domain type='\([a-z]*\)'.*/\1/p")
  if [ "$type" = kvm ]; then
    refute 'daemon_log | grep -qi "falling back\|emulation instead"'
  else
    same qemu "$type"
    expect 'daemon_log | grep -i kvm | grep -qiE "slow|too|emulat|does not"'
    expect '[ "$(daemon_log | grep -i kvm | grep -ciE "emulat")" -le 2 ]'
    expect 'sv get node/${P}1 -o yaml | grep -qiE "emulat"'
  fi
}
