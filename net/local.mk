libsolovirt_a_SOURCES += net/ledger.c net/ledger.h
