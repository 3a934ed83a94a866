# One program a source file; all link what ships.
unit_programs = \
	tests/unit/test_agent_commands \
	tests/unit/test_channel \
	tests/unit/test_cli_arguments \
	tests/unit/test_cli_goal \
	tests/unit/test_cli_grid \
	tests/unit/test_cli_meter \
	tests/unit/test_cli_outline \
	tests/unit/test_cli_reply \
	tests/unit/test_cli_resource \
	tests/unit/test_cli_websocket \
	tests/unit/test_clock \
	tests/unit/test_cron \
	tests/unit/test_config \
	tests/unit/test_contract \
	tests/unit/test_defaults \
	tests/unit/test_diagnostic \
	tests/unit/test_digest \
	tests/unit/test_disk_modes \
	tests/unit/test_document \
	tests/unit/test_domain_xml \
	tests/unit/test_errors \
	tests/unit/test_expand \
	tests/unit/test_flows \
	tests/unit/test_grant \
	tests/unit/test_http \
	tests/unit/test_image \
	tests/unit/test_image_cache \
	tests/unit/test_import \
	tests/unit/test_import_pace \
	tests/unit/test_inventory \
	tests/unit/test_ip \
	tests/unit/test_kvm_probe \
	tests/unit/test_kinds \
	tests/unit/test_layers \
	tests/unit/test_ledger \
	tests/unit/test_subnet \
	tests/unit/test_live_update \
	tests/unit/test_migratable \
	tests/unit/test_patch \
	tests/unit/test_multipart \
	tests/unit/test_nbd_server \
	tests/unit/test_network_kinds \
	tests/unit/test_objects \
	tests/unit/test_verb_volumes \
	tests/unit/test_path \
	tests/unit/test_probe_plan \
	tests/unit/test_quantity \
	tests/unit/test_queue \
	tests/unit/test_registry \
	tests/unit/test_rest \
	tests/unit/test_rest_stream \
	tests/unit/test_rest_watch \
	tests/unit/test_scheduler \
	tests/unit/test_schema \
	tests/unit/test_seed \
	tests/unit/test_selector \
	tests/unit/test_spool \
	tests/unit/test_spool_plan \
	tests/unit/test_spool_scan \
	tests/unit/test_store \
	tests/unit/test_target \
	tests/unit/test_vm_plan \
	tests/unit/test_websocket
check_PROGRAMS += $(unit_programs) tests/unit/worker_echo
TESTS += $(unit_programs)
unit_LIBS = libsolovirt.a $(BASE_LIBS) $(EVENT_LIBS) $(SQLITE_LIBS) $(GCRYPT_LIBS) $(CURL_LIBS) \
	$(DECOMPRESS_LIBS) $(CHECK_LIBS) -lpthread
LDADD = $(unit_LIBS)
AM_CFLAGS += $(CHECK_CFLAGS)
# Leaks are looked for anyway; ASAN_OPTIONS would overrule the confined worker, which cannot look into /proc.
AM_TESTS_ENVIRONMENT = CK_TIMEOUT_MULTIPLIER=3 SOLOVIRT_LIBEXEC='$(abs_top_builddir)' SOLOVIRT_SOURCE='$(abs_top_srcdir)' \
	SOLOVIRT_BUILD='$(abs_top_builddir)' \
	UBSAN_OPTIONS=print_stacktrace=1; \
	export CK_TIMEOUT_MULTIPLIER SOLOVIRT_LIBEXEC SOLOVIRT_SOURCE SOLOVIRT_BUILD UBSAN_OPTIONS;
EXTRA_DIST += tests/unit/rest_fixture.h tests/golden tests/contract
