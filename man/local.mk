# Manual pages: heads and tails by hand, what lies between from the programs' own rows.  man/solovirt.1 is in src/cli/local.mk.
EXTRA_DIST += man/solovirtd.8.in \
	man/solovirtd.yaml.5.head man/solovirtd.yaml.5.tail \
	man/solovirt-spec.7.head man/solovirt-spec.7.tail
CLEANFILES += man/solovirtd.8 man/solovirtd.yaml.5 man/solovirt-spec.7

man5_MANS = man/solovirtd.yaml.5
man7_MANS = man/solovirt-spec.7
man8_MANS = man/solovirtd.8
fill_places = $(SED) -e 's|@sysconfdir[@]|$(sysconfdir)|g' -e 's|@libexecdir[@]|$(libexecdir)|g' \
	-e 's|@sbindir[@]|$(sbindir)|g'
# In a page a long path may be broken behind each slash.
fill_page = $(SED) -e 's|@sysconfdir[@]|$(subst /,/\\:,$(sysconfdir))|g' \
	-e 's|@libexecdir[@]|$(subst /,/\\:,$(libexecdir))|g'

man/solovirtd.8: man/solovirtd.8.in Makefile
	$(AM_V_GEN)$(MKDIR_P) man && $(fill_page) $(srcdir)/man/solovirtd.8.in >$@.tmp && mv $@.tmp $@
man/solovirtd.yaml.5: man/solovirtd.yaml.5.head man/solovirtd.yaml.5.tail Makefile solovirtd$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && { $(fill_page) $(srcdir)/man/solovirtd.yaml.5.head && ./solovirtd --explain-config && \
		cat $(srcdir)/man/solovirtd.yaml.5.tail; } >$@.tmp && mv $@.tmp $@
man/solovirt-spec.7: man/solovirt-spec.7.head man/solovirt-spec.7.tail solovirt$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && { cat $(srcdir)/man/solovirt-spec.7.head && ./solovirt help --fields && \
		cat $(srcdir)/man/solovirt-spec.7.tail; } >$@.tmp && mv $@.tmp $@
