libsolovirt_a_SOURCES += net/ip.c net/ip.h net/ledger.c net/ledger.h net/subnet.c net/subnet.h
