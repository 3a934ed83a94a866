# Measuring: see bench/README.md.
EXTRA_PROGRAMS = bench/apply
bench_apply_SOURCES = bench/apply.c
bench_apply_LDADD = libsolovirt.a $(BASE_LIBS) $(EVENT_LIBS) $(SQLITE_LIBS)
CLEANFILES += bench/apply bench.json
EXTRA_DIST += bench/README.md bench/bed.py bench/run

bench: all bench/apply$(EXEEXT)
	$(srcdir)/bench/run -b $(abs_builddir) -o $(abs_builddir)/bench.json
.PHONY: bench
