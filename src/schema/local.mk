libsolovirt_a_SOURCES += src/schema/schema.c src/schema/schema.h src/schema/internal.h src/schema/scalar.c \
	src/schema/decode.c src/schema/encode.c src/schema/fixed.c src/schema/explain.c src/schema/lint.c
