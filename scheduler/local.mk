libsolovirt_a_SOURCES += scheduler/grant.c scheduler/grant.h scheduler/scheduler.c scheduler/scheduler.h
