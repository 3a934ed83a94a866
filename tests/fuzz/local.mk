# Fuzz targets.  Under --enable-fuzzers each is linked with libFuzzer, for "make fuzz"; else with replay.c, and the quick
# tests feed it the inputs that were kept.
fuzz_programs = \
	tests/fuzz/fuzz_answers \
	tests/fuzz/fuzz_archive \
	tests/fuzz/fuzz_document \
	tests/fuzz/fuzz_domain \
	tests/fuzz/fuzz_frame \
	tests/fuzz/fuzz_http \
	tests/fuzz/fuzz_image \
	tests/fuzz/fuzz_kinds \
	tests/fuzz/fuzz_parsers \
	tests/fuzz/fuzz_patch \
	tests/fuzz/fuzz_plan \
	tests/fuzz/fuzz_spool
fuzz_targets = $(fuzz_programs:tests/fuzz/fuzz_%=%)
check_PROGRAMS += $(fuzz_programs)

fuzz_shared = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
# Targets whose inputs are documents change them by the rows.
if FUZZERS
fuzz_main = $(fuzz_shared)
fuzz_documents_main = $(fuzz_shared) tests/fuzz/mutate.c
fuzz_link = $(AM_LDFLAGS) -fsanitize=fuzzer
else
fuzz_main = $(fuzz_shared) tests/fuzz/replay.c
fuzz_documents_main = $(fuzz_main)
fuzz_link = $(AM_LDFLAGS)
TESTS += $(fuzz_programs)
endif
tests_fuzz_fuzz_answers_SOURCES = tests/fuzz/fuzz_answers.c $(fuzz_documents_main)
tests_fuzz_fuzz_answers_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_archive_SOURCES = tests/fuzz/fuzz_archive.c $(fuzz_main)
tests_fuzz_fuzz_archive_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_document_SOURCES = tests/fuzz/fuzz_document.c $(fuzz_main)
tests_fuzz_fuzz_document_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_domain_SOURCES = tests/fuzz/fuzz_domain.c $(fuzz_documents_main)
tests_fuzz_fuzz_domain_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c $(fuzz_main)
tests_fuzz_fuzz_frame_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c $(fuzz_main)
tests_fuzz_fuzz_http_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_image_SOURCES = tests/fuzz/fuzz_image.c $(fuzz_main)
tests_fuzz_fuzz_image_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_kinds_SOURCES = tests/fuzz/fuzz_kinds.c $(fuzz_documents_main)
tests_fuzz_fuzz_kinds_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_parsers_SOURCES = tests/fuzz/fuzz_parsers.c $(fuzz_main)
tests_fuzz_fuzz_parsers_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_patch_SOURCES = tests/fuzz/fuzz_patch.c $(fuzz_documents_main)
tests_fuzz_fuzz_patch_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_plan_SOURCES = tests/fuzz/fuzz_plan.c $(fuzz_main)
tests_fuzz_fuzz_plan_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_spool_SOURCES = tests/fuzz/fuzz_spool.c $(fuzz_main)
tests_fuzz_fuzz_spool_LDFLAGS = $(fuzz_link)

# The corpora are kept as one archive a target and unpacked beside the build.
fuzz_corpora = $(fuzz_targets:%=tests/fuzz/corpus/%.tar.xz)
check_DATA = tests/fuzz/inputs/stamp
tests/fuzz/inputs/stamp: $(fuzz_corpora)
	$(AM_V_GEN)rm -rf tests/fuzz/inputs && $(MKDIR_P) tests/fuzz/inputs && \
	for target in $(fuzz_targets); do \
	  $(MKDIR_P) tests/fuzz/inputs/$$target && \
	  tar -C tests/fuzz/inputs/$$target -xJf $(srcdir)/tests/fuzz/corpus/$$target.tar.xz || exit 1; \
	done && touch $@

EXTRA_PROGRAMS += tests/fuzz/dictionary
tests_fuzz_dictionary_SOURCES = tests/fuzz/dictionary.c
tests/fuzz/words: tests/fuzz/dictionary
	$(AM_V_GEN)tests/fuzz/dictionary >$@.new && mv $@.new $@

# make fuzz [SECONDS=60] [TARGET="kinds domain"]: what is new lands in tests/fuzz/work/TARGET, what crashes in
# tests/fuzz/found/TARGET.  With SOLOVIRT_FUZZ_RNG=/usr/share/libvirt/schemas/domain.rng libvirt's schema judges the domains.
SECONDS = 60
TARGET = $(fuzz_targets)
FUZZ_FLAGS =
if FUZZERS
fuzz: $(fuzz_programs) tests/fuzz/words tests/fuzz/inputs/stamp
	for target in $(TARGET); do \
	  echo "== $$target"; \
	  $(MKDIR_P) tests/fuzz/work/$$target tests/fuzz/found/$$target && \
	  tests/fuzz/fuzz_$$target -max_total_time=$(SECONDS) -dict=tests/fuzz/words -timeout=20 -rss_limit_mb=2048 \
	    -print_final_stats=0 -verbosity=0 -artifact_prefix=tests/fuzz/found/$$target/ $(FUZZ_FLAGS) \
	    tests/fuzz/work/$$target tests/fuzz/inputs/$$target \
	    $$(ls -d $(srcdir)/tests/fuzz/regressions/$$target 2>/dev/null) || exit 1; \
	done

# Keeps of old and new inputs those that are needed to reach what all of them reach.
fuzz-keep: $(fuzz_programs) tests/fuzz/inputs/stamp
	for target in $(TARGET); do \
	  rm -rf tests/fuzz/kept && $(MKDIR_P) tests/fuzz/kept tests/fuzz/work/$$target && \
	  tests/fuzz/fuzz_$$target -merge=1 -use_counters=0 -max_len=4096 -verbosity=0 tests/fuzz/kept tests/fuzz/inputs/$$target \
	    tests/fuzz/work/$$target && \
	  tar -C tests/fuzz/kept --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=644 \
	    -cJf $(srcdir)/tests/fuzz/corpus/$$target.tar.xz $$(ls tests/fuzz/kept) && \
	  echo "$$target: $$(ls tests/fuzz/kept | wc -l) inputs" || exit 1; \
	done
else
fuzz fuzz-keep:
	@echo "this build has no fuzzers: configure another one with --enable-fuzzers (needs clang)" >&2; exit 1
endif

clean-fuzz:
	rm -rf tests/fuzz/inputs tests/fuzz/work tests/fuzz/kept
clean-local: clean-fuzz
CLEANFILES += tests/fuzz/words tests/fuzz/dictionary$(EXEEXT)
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/regressions
.PHONY: fuzz fuzz-keep clean-fuzz
