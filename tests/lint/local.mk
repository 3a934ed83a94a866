# House rules that a machine can keep.
lints = tests/lint/layers.py tests/lint/calls.py tests/lint/headers.py tests/lint/honoured.py tests/lint/sizes.py tests/lint/examples.sh tests/lint/domain_schema.sh
TEST_EXTENSIONS = .sh .py
SH_LOG_COMPILER = $(SHELL)
PY_LOG_COMPILER = python3 -B
TESTS += $(lints)
EXTRA_DIST += $(lints) tests/lint/tree.py
