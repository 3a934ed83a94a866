# Parts without a connection stand in the archive, so that unit tests link them; the verbs are the program.
libsolovirt_a_SOURCES += \
	src/cli/arguments.c src/cli/arguments.h \
	src/cli/event_list.c src/cli/event_list.h \
	src/cli/goal.c src/cli/goal.h \
	src/cli/grid.c src/cli/grid.h \
	src/cli/meter.c src/cli/meter.h \
	src/cli/outline.c src/cli/outline.h \
	src/cli/output.c src/cli/output.h \
	src/cli/reply.c src/cli/reply.h \
	src/cli/resource.c src/cli/resource.h \
	src/cli/websocket.c src/cli/websocket.h

solovirt_SOURCES = \
	src/cli/main.c src/cli/cli.h \
	src/cli/api_resources.c \
	src/cli/apply.c \
	src/cli/client.c src/cli/client.h \
	src/cli/commands.c src/cli/commands.h \
	src/cli/completion.c \
	src/cli/console.c \
	src/cli/create.c \
	src/cli/delete.c \
	src/cli/describe.c \
	src/cli/domxml.c \
	src/cli/events.c \
	src/cli/expand.c \
	src/cli/expansion.c src/cli/expansion.h \
	src/cli/explain.c \
	src/cli/get.c \
	src/cli/help.c \
	src/cli/image.c \
	src/cli/ip.c \
	src/cli/net.c \
	src/cli/image_upload.c \
	src/cli/lifecycle.c \
	src/cli/logs.c \
	src/cli/manifest.c src/cli/manifest.h \
	src/cli/metadata.c \
	src/cli/memory_dump.c \
	src/cli/scale.c \
	src/cli/step.c src/cli/step.h \
	src/cli/selection.c src/cli/selection.h \
	src/cli/spool.c \
	src/cli/terminal.c src/cli/terminal.h \
	src/cli/until.c src/cli/until.h \
	src/cli/validate.c \
	src/cli/version.c \
	src/cli/volumes.c \
	src/cli/wait.c

# The program writes its own reference and completions.
EXTRA_DIST += man/solovirt.1.head man/solovirt.1.tail
CLEANFILES += man/solovirt.1 etc/completion/solovirt etc/completion/_solovirt etc/completion/solovirt.fish

man1_MANS = man/solovirt.1
man/solovirt.1: man/solovirt.1.head man/solovirt.1.tail solovirt$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && { cat $(srcdir)/man/solovirt.1.head && ./solovirt help --man && \
		cat $(srcdir)/man/solovirt.1.tail; } >$@.tmp && mv $@.tmp $@

bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/vendor-completions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
bashcompletion_DATA = etc/completion/solovirt
zshcompletion_DATA = etc/completion/_solovirt
fishcompletion_DATA = etc/completion/solovirt.fish
etc/completion/solovirt: solovirt$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) etc/completion && ./solovirt completion bash >$@.tmp && mv $@.tmp $@
etc/completion/_solovirt: solovirt$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) etc/completion && ./solovirt completion zsh >$@.tmp && mv $@.tmp $@
etc/completion/solovirt.fish: solovirt$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) etc/completion && ./solovirt completion fish >$@.tmp && mv $@.tmp $@
