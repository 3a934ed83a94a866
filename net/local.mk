libsolovirt_a_SOURCES += net/ledger.c net/ledger.h net/number.c net/number.h net/subnet.c net/subnet.h
