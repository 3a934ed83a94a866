libsolovirt_a_SOURCES += scheduler/scheduler.c scheduler/scheduler.h
