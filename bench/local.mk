# Measuring: see bench/README.md.
bench_programs = bench/apply bench/flows bench/translate
EXTRA_PROGRAMS = $(bench_programs)
bench_apply_SOURCES = bench/apply.c
bench_apply_LDADD = libsolovirt.a $(BASE_LIBS) $(EVENT_LIBS) $(SQLITE_LIBS) $(GCRYPT_LIBS)
bench_flows_SOURCES = bench/flows.c
bench_flows_LDADD = libsolovirt.a $(BASE_LIBS)
bench_translate_SOURCES = bench/translate.c
bench_translate_LDADD = libsolovirt.a $(BASE_LIBS)
CLEANFILES += $(bench_programs) bench.json
EXTRA_DIST += bench/README.md bench/bed.py bench/machine.yaml bench/network.py bench/run bench/storage.py

bench: all $(bench_programs)
	$(srcdir)/bench/run -b $(abs_builddir) -o $(abs_builddir)/bench.json
.PHONY: bench
