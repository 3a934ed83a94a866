# The library that ends the daemon at its n-th call, and the long run: make crash POINTS=10000 SEED=1 SCENARIO=storage
check_PROGRAMS += tests/crash/killat.so
tests_crash_killat_so_SOURCES = tests/crash/killat.c
tests_crash_killat_so_CFLAGS = $(WARN_CFLAGS) -fPIC
tests_crash_killat_so_LDFLAGS = -shared
tests_crash_killat_so_LDADD = -ldl
EXTRA_DIST += tests/crash/bed.py tests/crash/ceph.py tests/crash/crash.py tests/crash/look.py tests/crash/model.py \
	tests/crash/storage.py

POINTS = 1000
SCENARIO = machines
.PHONY: crash
crash: all tests/crash/killat.so
	$(srcdir)/tests/crash/crash.py --build $(abs_builddir) --scenario $(SCENARIO) --points $(POINTS) $(SEED:%=--seed %) $(CRASH_FLAGS)
