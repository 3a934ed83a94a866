# Parts without a connection stand in the archive, so that unit tests link them; the verbs are the program.
libsolovirt_a_SOURCES += \
	src/cli/arguments.c src/cli/arguments.h \
	src/cli/event_list.c src/cli/event_list.h \
	src/cli/goal.c src/cli/goal.h \
	src/cli/grid.c src/cli/grid.h \
	src/cli/outline.c src/cli/outline.h \
	src/cli/output.c src/cli/output.h \
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
	src/cli/events.c \
	src/cli/explain.c \
	src/cli/get.c \
	src/cli/help.c \
	src/cli/lifecycle.c \
	src/cli/logs.c \
	src/cli/manifest.c src/cli/manifest.h \
	src/cli/selection.c src/cli/selection.h \
	src/cli/spool.c \
	src/cli/terminal.c src/cli/terminal.h \
	src/cli/until.c src/cli/until.h \
	src/cli/validate.c \
	src/cli/version.c \
	src/cli/wait.c
