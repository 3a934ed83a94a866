libsolovirt_a_SOURCES += net/ledger.c net/ledger.h net/number.c net/number.h net/subnet.c net/subnet.h net/flows.c net/flows.h net/flows_group.c net/flows_private.h
