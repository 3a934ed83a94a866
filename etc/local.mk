# What an installation has beside the programs.
EXTRA_DIST += etc/solovirtd.yaml etc/systemd/solovirtd.service.in tests/lint/config.sh tests/lint/manual.sh
CLEANFILES += etc/systemd/solovirtd.service
TESTS += tests/lint/config.sh tests/lint/manual.sh

dist_doc_DATA = README.md ARCHITECTURE.md
examplesdir = $(docdir)/examples
dist_examples_DATA = etc/solovirtd.yaml etc/examples/cloud-init.yaml etc/examples/config-volume.yaml \
	etc/examples/data-disk.yaml etc/examples/demo.yaml etc/examples/vlan.yaml

sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
dist_sysusers_DATA = etc/sysusers.d/solovirt.conf
dist_tmpfiles_DATA = etc/tmpfiles.d/solovirt.conf
dist_systemdsystemunit_DATA = etc/systemd/solovirtd.socket
nodist_systemdsystemunit_DATA = etc/systemd/solovirtd.service
etc/systemd/solovirtd.service: etc/systemd/solovirtd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc/systemd && $(fill_places) $(srcdir)/etc/systemd/solovirtd.service.in >$@.tmp && mv $@.tmp $@

# A configuration that an operator changed is neither overwritten nor removed.
configuration = $(DESTDIR)$(sysconfdir)/solovirt/solovirtd.yaml
install-data-hook:
	test -e $(configuration) || { $(MKDIR_P) $(DESTDIR)$(sysconfdir)/solovirt && \
		$(INSTALL_DATA) $(srcdir)/etc/solovirtd.yaml $(configuration); }
uninstall-hook:
	! cmp -s $(srcdir)/etc/solovirtd.yaml $(configuration) || rm -f $(configuration)
