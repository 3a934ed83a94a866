# Machines on a Subnet with room for hardly more, made and deleted in random order, while the daemon is killed: a thousand of
# them in a /22 with ADDRESSES_MACHINES=1000, which takes a few minutes.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

HOLD_COUNT=1000000 SETTLE=20ms DELETE_DELAY=100ms CPU_OVERCOMMIT=1000 MEMORY_OVERCOMMIT=100
vswitch() { host "$ROOT/tests/testbed/vswitch.sh" "$S/vswitch" "$1"; }

setup() { vswitch up; }

# tests/system/addresses.py says what is compared.
test_no_address_twice_and_none_lost() {
  host "$ROOT/tests/system/addresses.py" --build "$BUILD" --directory "$S" --log "$WORK/solovirtd.log" \
    --machines "${ADDRESSES_MACHINES:-250}" --rounds "${ADDRESSES_ROUNDS:-8}" --seed "${ADDRESSES_SEED:-1}" --patience "$PATIENCE" 2>&1
}
test_the_vswitch_goes() { vswitch down; }
