libsolovirt_a_SOURCES += \
	src/document/diagnostic.c src/document/diagnostic.h \
	src/document/document.c src/document/document.h \
	src/document/json.c \
	src/document/jsonpath.c \
	src/document/patch.c src/document/patch.h \
	src/document/path.c src/document/path.h \
	src/document/reader.h \
	src/document/scalar.c src/document/scalar.h \
	src/document/yaml.c \
	src/document/yaml_write.c
