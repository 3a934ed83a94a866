# The worker of a host alone: every verb, on a libvirtd and a bed of its own.
test_every_verb_once_and_again() { "$ROOT/tests/system/host_worker.py" "$BUILD/solovirt-host" "$GUEST/guest.qcow2" 2>&1; }
